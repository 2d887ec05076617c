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
					l.unmount()
					l.mount()
					recovered += l.check()
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
	acked, exit int
	output      string
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
		case e.exit != 1 && e.exit != 5 && e.exit != 6 && e.exit != 7:
			l.Errorf("writer %d: exit code %d is none of a file system that is gone\n%s", k, e.exit, e.output)
		}
	}
}

// write commits version after version until one fails.
func (l *load) write(k int) (e end) {
	for {
		cmd, cancel := l.command(k, e.acked+1)
		out, err := cmd.CombinedOutput()
		cancel()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.Exited():
			e.exit, e.output = exit.ExitCode(), string(out)
			return e
		case err != nil:
			e.err = fmt.Errorf("version %d: %w\n%s", e.acked+1, err, out)
			return e
		}
		e.acked++
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

// check recovers and checks every writer's files; it returns how many transactions were recovered.
func (l *load) check() int {
	l.Helper()
	root := workload.Root(l.dir())
	report, err := oracle.Recover(oracle.Process(l.bin), root)
	if err != nil || report.Exit != 0 {
		l.Fatalf("recover: %v, %+v", err, report)
	}
	var versions [writers]int
	for k, e := range l.ends {
		versions[k] = l.version(k)
		switch v := versions[k]; {
		case v != e.acked && v != e.acked+1,
			v != e.acked && (e.exit == 1 || e.exit == 6),
			v != e.acked+1 && e.exit == 7:
			l.Errorf("writer %d is at version %d; %d was acknowledged, then came exit code %d\n%s", k, v, e.acked, e.exit, e.output)
		}
	}
	l.checkShared(versions)
	if seen, err := oracle.Look(root); err != nil {
		l.Error(err)
	} else if err := oracle.Settled(oracle.Process(l.bin), root, seen); err != nil {
		l.Error(err)
	}
	return len(report.Recovered)
}

// version finds the version that all files of writer k have.
func (l *load) version(k int) int {
	l.Helper()
	for v := 0; v <= l.ends[k].acked+1; v++ {
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
	l.Errorf("writer %d: its files are of different versions, or of none", k)
	return -1
}

// checkShared checks that the shared file is the last version of one of the writers.
func (l *load) checkShared(versions [writers]int) {
	l.Helper()
	b, err := os.ReadFile(filepath.Join(workload.Root(l.dir()), "shared"))
	if err != nil {
		l.Error(err)
		return
	}
	for k, v := range versions {
		if string(b) == version(k, v) {
			return
		}
	}
	l.Errorf("the shared file is %.40q, which is the last version of no writer", b)
}
