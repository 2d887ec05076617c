//go:build linux

package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

const (
	// writers commit to one root at the same time, each to files of its own and one that they share.
	writers        = 4
	filesPerWriter = 5
	// loadRuns is how often each file system is shut down in each way under load.
	loadRuns = 5
)

// TestShutdownUnderLoad shuts a file system down after some acknowledgement, while several processes are in the middle
// of transactions on one root. All of them stop with an error, and after the next mount the files of each writer are
// of one version: the last that was acknowledged, or the one that was cut, as its exit code says.
func TestShutdownUnderLoad(t *testing.T) {
	var runs, all atomic.Int64
	t.Cleanup(func() { // after all of them, which run in parallel
		if runs.Load() > 0 && all.Load() == 0 {
			t.Error("no shutdown has cut a transaction: nothing was recovered")
		}
	})
	for _, fs := range []sandbox.FS{sandbox.Ext4, sandbox.XFS} {
		for _, flags := range []uint32{logFlush, noLogFlush} {
			t.Run(fmt.Sprintf("%s,flags=%d", fs.Name, flags), func(t *testing.T) {
				t.Parallel()
				needs(t, fs)
				var recovered int
				for n := range loadRuns {
					l := &load{stand: newStand(t, fs, 0, false, workload.New(1, workload.Options{Steps: 1})), flags: flags}
					l.last.Store(int64(writers + 5*n))
					l.run()
					l.cut()
					n, err := l.judge()
					if err != nil {
						t.Error(l.keep(kept{Ends: l.ends[:]}, err))
					}
					recovered += n
					l.unmount()
				}
				t.Logf("%d runs, %d transactions recovered", loadRuns, recovered)
				runs.Add(loadRuns)
				all.Add(int64(recovered))
			})
		}
	}
}

// load is several writers on one root.
type load struct {
	*stand
	flags uint32
	last  atomic.Int64 // acknowledgements until the end
	ends  [writers]end
}

// end is how a writer has ended: the last version that was acknowledged, and what came of the next one.
type end struct {
	Acked, Exit int
	Output      string
	err         error
}

func (l *load) run() {
	l.Helper()
	var wg sync.WaitGroup
	for k := range writers {
		wg.Go(func() { l.ends[k] = l.write(k) })
	}
	wg.Wait()
	for k, e := range l.ends {
		switch {
		case e.err != nil:
			l.Fatalf("writer %d: %v", k, e.err)
		case e.Exit != 1 && e.Exit != 5 && e.Exit != 6 && e.Exit != 7:
			l.Errorf("writer %d: exit code %d is none of a file system that is gone\n%s", k, e.Exit, e.Output)
		}
	}
}

// write commits version after version until one fails.
func (l *load) write(k int) (e end) {
	for {
		cmd, cancel := l.command(k, e.Acked+1)
		out, err := cmd.CombinedOutput()
		cancel()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.Exited():
			e.Exit, e.Output = exit.ExitCode(), string(out)
			return e
		case err != nil:
			e.err = fmt.Errorf("version %d: %w\n%s", e.Acked+1, err, out)
			return e
		}
		e.Acked++
		if l.last.Add(-1) == 0 {
			if e.err = l.shutdown(l.flags); e.err != nil {
				return e
			}
		}
	}
}

// command commits version v of writer k.
func (l *load) command(k, v int) (*exec.Cmd, context.CancelFunc) {
	var ops []workload.Op
	add := func(path, content string) {
		ops = append(ops, workload.Op{Op: "write", Path: path, Content: &content})
	}
	for n := range filesPerWriter {
		add(file(k, n), version(k, v))
	}
	add("shared", version(k, v))
	b, err := json.Marshal(map[string]any{"version": 1, "ops": ops})
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepLimit)
	cmd := exec.CommandContext(ctx, l.bin, "apply", "-C", workload.Root(l.dir()), "-")
	cmd.Stdin = bytes.NewReader(b)
	return cmd, cancel
}

func file(k, n int) string { return fmt.Sprintf("writer%d/%d", k, n) }

// version is the content of a file: more than a block.
func version(k, v int) string {
	return strings.Repeat(fmt.Sprintf("writer %d, version %d\n", k, v), 300)
}

// judge recovers and checks every writer's files; it returns how many transactions were recovered.
func (l *load) judge() (recovered int, err error) {
	root := workload.Root(l.dir())
	report, err := oracle.Recover(oracle.Process(l.bin), root)
	if err != nil || report.Exit != 0 {
		return 0, fmt.Errorf("recover: %w, %+v", err, report)
	}
	var versions [writers]int
	var errs []error
	for k, e := range l.ends {
		versions[k] = l.version(k)
		switch v := versions[k]; {
		case v != e.Acked && v != e.Acked+1,
			v != e.Acked && (e.Exit == 1 || e.Exit == 6),
			v != e.Acked+1 && e.Exit == 7:
			errs = append(errs, fmt.Errorf("writer %d is at version %d (-1: its files are of several, or of none); %d was acknowledged, then came exit code %d\n%s",
				k, v, e.Acked, e.Exit, e.Output))
		}
	}
	errs = append(errs, l.checkShared(versions))
	seen, err := oracle.Look(root)
	if err == nil {
		err = oracle.Settled(oracle.Process(l.bin), root, seen)
	}
	return len(report.Recovered), errors.Join(append(errs, err)...)
}

// version finds the version that all files of writer k have; -1 if they have none in common.
func (l *load) version(k int) int {
	for v := 0; v <= l.ends[k].Acked+1; v++ {
		same := 0
		for n := range filesPerWriter {
			b, err := os.ReadFile(filepath.Join(workload.Root(l.dir()), file(k, n)))
			if errors.Is(err, os.ErrNotExist) && v == 0 || err == nil && v > 0 && string(b) == version(k, v) {
				same++
			}
		}
		if same == filesPerWriter {
			return v
		}
	}
	return -1
}

// checkShared checks that the shared file is the last version of one of the writers.
func (l *load) checkShared(versions [writers]int) error {
	b, err := os.ReadFile(filepath.Join(workload.Root(l.dir()), "shared"))
	if err != nil {
		return err
	}
	for k, v := range versions {
		if string(b) == version(k, v) {
			return nil
		}
	}
	return fmt.Errorf("the shared file is %.40q, which is the last version of no writer", b)
}
