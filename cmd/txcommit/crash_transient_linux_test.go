package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestTransient lets each call that opens a file or changes a name or an attribute fail once, with an error that is gone
// when it is tried again: the commit succeeds, without a word. A call that goes on failing is tried a few times only.
func TestTransient(t *testing.T) {
	bin := needBinary(t)
	for i, errno := range []syscall.Errno{unix.EINTR, unix.EAGAIN, unix.EMFILE, unix.ENFILE, unix.EBUSY, unix.ETXTBSY} {
		w := &workloads[1]
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(workFolder(t), "stand")
			step, tried := 2, 0
			if testing.Short() {
				step = 6
			}
			for n := 1 + i%step; ; n += step {
				s := w.ready(t, bin, dir)
				res := s.run(t, supervise.Fault{At: n, Errno: errno, Match: s.repeatable}, supervise.Options{All: true}, s.args()...)
				if res.Hit == nil {
					break
				}
				tried++
				if _, err := s.checkTree(renewed); err != nil || res.ExitCode != exitOK || len(res.Stderr) > 0 {
					t.Errorf("once at call %v: exit code %d, want 0: %v\n%s", res.Hit, res.ExitCode, err, res.Stderr)
				}
			}
			if least := 40 / step; tried < least {
				t.Errorf("only %d calls failed, want %d", tried, least)
			}
			if errno == unix.EINTR {
				return // which nothing repeats
			}
			s := w.ready(t, bin, dir)
			res := s.run(t, supervise.Fault{At: 1, Until: supervise.Forever, Errno: errno, Match: s.repeatable}, supervise.Options{All: true}, s.args()...)
			if _, err := s.checkTree(old); err != nil || res.ExitCode != exitFailed || res.Calls > 50 {
				t.Errorf("for ever: exit code %d after %d calls, want 1 after a few: %v\n%s", res.ExitCode, res.Calls, err, res.Stderr)
			}
		})
	}
}

// repeatable says that a call on something in the folder of s does all or nothing.
func (s *stand) repeatable(c supervise.Call) bool {
	for _, name := range []string{"open", "rename", "link", "unlink", "symlink", "mkdir", "fchmod", "fchown", "utimensat"} {
		if strings.HasPrefix(c.Name, name) {
			return strings.HasPrefix(s.place(c), s.dir+"/") && c.Path != "m.json" && !strings.HasPrefix(c.Path, "/proc")
		}
	}
	return false
}

// TestFlushIsNotRepeated lets each flush fail once, with errors after which other calls are tried again: no commit says
// that it went well, because the kernel may have thrown away what the next flush would look for.
func TestFlushIsNotRepeated(t *testing.T) {
	bin := needBinary(t)
	for _, errno := range []syscall.Errno{unix.EINTR, unix.EAGAIN, unix.EBUSY} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			w, dir, tried := &workloads[1], filepath.Join(workFolder(t), "stand"), 0
			for n := 1; ; n++ {
				s := w.ready(t, bin, dir)
				res := s.apply(t, supervise.Fault{At: n, Errno: errno, Match: func(c supervise.Call) bool {
					return flushes(&c) && c.Name != "sync_file_range"
				}})
				if res.Hit == nil {
					break
				}
				tried++
				if res.ExitCode != exitFailed && res.ExitCode != exitIncomplete && res.ExitCode != exitCleanup {
					t.Errorf("once at call %v: exit code %d, want 1, 5 or 7\n%s", res.Hit, res.ExitCode, res.Stderr)
				}
			}
			if tried == 0 {
				t.Error("nothing was flushed")
			}
		})
	}
}
