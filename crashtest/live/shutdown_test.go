//go:build linux

package live

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

// shutdownRuns is how often each file system is shut down in each way, shutdownFloor how often a process must have
// been stopped by that.
const (
	shutdownRuns  = 14
	shutdownFloor = 10
)

// TestShutdown shuts a file system down before a system call of the live process, chosen anywhere in a workload. The
// process stops with an error, and after the next mount the tree is what its exit code has said.
func TestShutdown(t *testing.T) {
	for _, tt := range []struct {
		fs     sandbox.FS
		layers bool
	}{
		{fs: sandbox.Ext4}, {fs: sandbox.Ext4Writeback}, {fs: sandbox.XFS}, {fs: sandbox.Ext4, layers: true},
	} {
		for _, flags := range []uint32{logFlush, noLogFlush} {
			t.Run(fmt.Sprintf("%s,overlay=%t,flags=%d", tt.fs.Name, tt.layers, flags), func(t *testing.T) {
				t.Parallel()
				needs(t, tt.fs)
				if tt.layers {
					sandbox.Need(t, sandbox.Overlay)
				}
				const seed = 41
				w := workload.New(seed, workload.Options{Steps: 4, Acts: true, Owners: true, Attrs: !tt.layers})
				calls := countCalls(t, tt.fs, tt.layers, w)
				rng := rand.New(rand.NewPCG(seed, uint64(flags)))
				stopped, codes := 0, map[int]int{}
				for range shutdownRuns {
					s := newStand(t, tt.fs, 0, tt.layers, w)
					n := 1 + rng.IntN(calls)
					res, ended := s.until(n, func() error { return s.shutdown(flags) })
					s.cut()
					if err := s.judge(res, ended); err != nil {
						t.Errorf("shut down before call %d: %s", n, s.keep(kept{Exit: res.ExitCode, Ended: ended}, err))
					}
					s.unmount()
					codes[res.ExitCode]++
					if !ended {
						stopped++
					}
				}
				t.Logf("%d runs over %d calls: %d processes stopped, exit codes %v", shutdownRuns, calls, stopped, codes)
				if stopped < shutdownFloor {
					t.Errorf("%d processes were stopped, want at least %d", stopped, shutdownFloor)
				}
			})
		}
	}
}

// countCalls runs a workload unharmed and returns the number of its state-changing calls.
func countCalls(t *testing.T, fs sandbox.FS, layers bool, w *workload.Workload) (calls int) {
	t.Helper()
	s := newStand(t, fs, 0, layers, w)
	defer s.unmount()
	for s.acked < len(w.Steps) {
		res, ended := s.step(supervise.Fault{})
		if !ended {
			t.Fatalf("unharmed: step %d: exit code %d\n%s%s", s.acked+1, res.ExitCode, res.Stdout, res.Stderr)
		}
		calls += res.Calls
	}
	return calls
}

// until runs steps up to the one that makes call n, counted over all of them, before which it calls f. That step's
// process goes on.
func (s *stand) until(n int, f func() error) (res supervise.Result, ended bool) {
	s.Helper()
	for s.acked < len(s.work.Steps) {
		res, ended = s.step(supervise.Fault{At: max(n, 0), Stop: func(supervise.Call) {
			if err := f(); err != nil {
				s.Error(err)
			}
		}})
		n -= res.Calls
		if !ended || res.Hit != nil {
			return res, ended
		}
	}
	return res, ended
}
