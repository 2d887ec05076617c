//go:build linux

package live

import (
	"errors"
	"os"
	"testing"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

// TestShutdownInRecovery shuts a file system down in the midst of a commit, and once more before each state-changing call
// of the recovery after that, each time from the same image. The recovery after the next mount ends the transaction.
func TestShutdownInRecovery(t *testing.T) {
	for _, fs := range []sandbox.FS{sandbox.Ext4, sandbox.Ext4Writeback, sandbox.XFS} {
		t.Run(fs.Name, func(t *testing.T) {
			t.Parallel()
			needs(t, fs)
			const seed = 41
			w := workload.New(seed, workload.Options{Steps: 4, Acts: true, Owners: true, Attrs: true})
			s, calls := halfDone(t, fs, w)
			cut := 0
			for n := 1; s.recoveryCut(n); n++ {
				cut++
			}
			t.Logf("stopped before call %d: %d recoveries cut", calls, cut)
			if cut < 10 {
				t.Errorf("%d recoveries were cut, want at least 10: there was nothing to recover", cut)
			}
		})
	}
}

// halfDone looks for a call before which a shutdown leaves a transaction that recovery has to work on, and leaves the
// image as it is then.
func halfDone(t *testing.T, fs sandbox.FS, w *workload.Workload) (s *stand, n int) {
	t.Helper()
	for n = countCalls(t, fs, false, w); n > 0; n -= 3 {
		s = newStand(t, fs, 0, false, w)
		s.until(n, func() error { return s.shutdown(logFlush) })
		s.cut()
		v, err := s.rules.Verify(oracle.Process(s.bin), s.dir(), s.acked)
		if err != nil {
			t.Fatal(s.keep(kept{Ended: true}, err))
		}
		s.unmount()
		if v.Moved && len(v.Report.Recovered) > 0 {
			if err := os.Rename(s.image()+cutSuffix, s.half()); err != nil {
				t.Fatal(err)
			}
			return s, n
		}
	}
	t.Fatal("no shutdown has left anything to recover")
	return nil, 0
}

// half is the image of a transaction that is half done.
func (s *stand) half() string { return s.image() + ".half" }

// recoveryCut shuts the file system down before call n of a recovery, and judges what the next one makes of it. It is
// false if there is no such call.
func (s *stand) recoveryCut(n int) bool {
	s.Helper()
	if err := copyImage(s.half(), s.image()); err != nil {
		s.Fatal(err)
	}
	s.mount()
	root := workload.Root(s.dir())
	res, err := supervise.Run(supervise.Fault{At: n, Stop: func(supervise.Call) {
		if err := s.shutdown(noLogFlush); err != nil {
			s.Error(err)
		}
	}}, supervise.Options{Timeout: stepLimit}, s.bin, "recover", "--root", root)
	if err != nil {
		s.Fatal(err)
	}
	s.cut()
	if err := s.judgeAgain(res); err != nil {
		s.Errorf("recovery cut before call %d: %s\n%s%s", n, s.keep(kept{Exit: res.ExitCode, Again: true}, err), res.Stdout, res.Stderr)
	}
	s.unmount()
	return res.Hit != nil && !s.Failed()
}

// judgeAgain recovers and checks after a recovery that was cut, or has said that it was done.
func (s *stand) judgeAgain(res supervise.Result) error {
	again := *s.rules
	again.Again = true
	v, err := again.Verify(oracle.Process(s.bin), s.dir(), s.acked)
	if err == nil && res.ExitCode == 0 && v.Moved {
		err = errors.New("the recovery said that it was done, and another one has changed the tree")
	}
	return err
}
