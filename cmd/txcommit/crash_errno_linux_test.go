package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// errnos are what a call may fail with: a broken disk, a full one, one that was remounted, rights taken away, a limit.
var errnos = []syscall.Errno{unix.EIO, unix.ENOSPC, unix.EROFS, unix.EACCES, unix.EMFILE}

// TestErrno lets each state-changing call fail, once and from there on. Whatever the exit code says of the tree is true
// at once, and what it leaves open is decided by a recovery; the message names a path of the user's and the reason.
func TestErrno(t *testing.T) {
	bin := needBinary(t)
	for i := range workloads {
		w := &workloads[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{T: t, w: w, bin: bin, dir: filepath.Join(workFolder(t), "stand"), codes: map[int]int{}}
			b.all(errnos)
			t.Logf("runs by exit code: %v", b.codes)
		})
	}
}

// TestErrnoOpen is TestErrno for the opening of files and folders, also of those that are only read.
func TestErrnoOpen(t *testing.T) {
	bin := needBinary(t)
	for i := range workloads {
		w := &workloads[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{T: t, w: w, bin: bin, dir: filepath.Join(workFolder(t), "stand"), codes: map[int]int{}}
			b.opens = true
			b.all([]syscall.Errno{unix.EMFILE, unix.EIO})
			t.Logf("runs by exit code: %v", b.codes)
		})
	}
}

// all lets every call fail with each errno.
func (b *breaker) all(errnos []syscall.Errno) {
	for i, errno := range errnos {
		for n := 1 + i*b.skip(); b.once(n, n, errno); n += b.pace() {
		}
		for n := 1 + i*b.skip(); b.once(n, supervise.Forever, errno); n += b.pace() {
		}
	}
}

// breaker runs one workload again and again.
type breaker struct {
	*testing.T
	w     *workload
	bin   string
	dir   string
	opens bool        // it is about opens, and nothing else
	codes map[int]int // runs by exit code
	wrong int
	used  bool // the last tree was changed after the acknowledgement
}

func (b *breaker) pace() int {
	if b.w.sampled() {
		return 2 * len(errnos)
	}
	return 1
}

// skip lets short tests look at different calls for different errnos.
func (b *breaker) skip() int {
	if b.w.sampled() {
		return 2
	}
	return 0
}

// once runs the workload with the calls n to last failing; it returns whether it came to call n.
func (b *breaker) once(n, last int, errno syscall.Errno) bool {
	s := b.w.ready(b, b.bin, b.dir)
	f := supervise.Fault{At: n, Until: last, Errno: errno}
	if b.opens {
		f.Match = func(c supervise.Call) bool {
			return strings.HasPrefix(c.Name, "open") && strings.HasPrefix(s.place(c), s.dir+"/") && c.Path != "m.json"
		}
	}
	args := s.args()
	if n%3 == 0 {
		args = append(args, "-o", "json")
	}
	res := s.run(b, f, supervise.Options{All: b.opens}, args...)
	if res.Hit == nil {
		return false
	}
	b.codes[res.ExitCode]++
	err := b.judge(s, &res, errno, last == n)
	if err == nil && last == n {
		err = checkOnce(&res)
	}
	if err == nil {
		return true
	}
	b.Errorf("%v from call %v to %d, then used %t: exit code %d: %v\n%s%s",
		errno, res.Hit, last, b.used, res.ExitCode, err, res.Stdout, res.Stderr)
	if b.wrong++; b.wrong >= 20 {
		b.Fatal("and so on")
	}
	return true
}

// place is what a call opens: things of ours, or of the runtime's.
func (s *stand) place(c supervise.Call) string {
	if path.IsAbs(c.Path) {
		return c.Path
	}
	if c.FD == "" {
		return path.Join(s.dir, c.Path)
	}
	return path.Join(c.FD, c.Path)
}

// judge checks a run that has met with an error. After some acknowledged ones it lets a user work on, and checks that
// recovery reverts none of that: if one call failed, that is; if the disk refuses to note that all is done, it may.
func (b *breaker) judge(s *stand, res *supervise.Result, errno syscall.Errno, once bool) error {
	may, ok := map[int]verdict{exitOK: renewed, exitFailed: old, exitCleanup: renewed, exitIncomplete: either}[res.ExitCode]
	if !ok {
		return fmt.Errorf("want 0, 1, 5 or 7")
	}
	if res.ExitCode != exitIncomplete {
		if _, err := s.checkTree(may); err != nil {
			return err
		}
	}
	if res.ExitCode != exitOK {
		if err := s.checkMessage(res, errno); err != nil {
			return err
		}
	}
	if b.used = once && may == renewed && res.Hit.N/2%2 == 0; b.used {
		s.use(b)
		may = either
	}
	if _, err := txn.Recover(context.Background(), s.root(), nil); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	is, err := s.checkTree(may)
	if err == nil {
		err = s.checkRest(b, is)
	}
	return err
}

// checkOnce checks the exit code where the failure of one call decides it: a flush that failed has proved nothing, and
// what is only for speed or for people stops nothing.
func checkOnce(res *supervise.Result) error {
	c := res.Hit
	switch {
	case c.Name == "sync_file_range" || path.Base(c.FD) == "holder" || c.Path == "holder" || c.Path == "ballast":
		if res.ExitCode != exitOK {
			return errors.New("want 0: the call is not needed")
		}
	case flushes(c) && res.ExitCode == exitOK:
		return errors.New("a flush has failed, and nobody cares")
	}
	return nil
}

// stagedName is what no user has ever heard of.
var stagedName = regexp.MustCompile(`\d+\.(new|old|out|tmp)\b|probe-|\.(db|new)\.new|/proc/self`)

// checkMessage checks that an error names a path that the user knows and what the system has said.
func (s *stand) checkMessage(res *supervise.Result, errno syscall.Errno) error {
	message, _, _ := strings.Cut(string(res.Stderr), "\n")
	known := strings.Contains(message, ".txcommit") || strings.Contains(message, " .: ") || strings.Contains(message, " root: ")
	for _, l := range []layout{s.start, s.want, s.source.full()} {
		for p := range l {
			shown := strings.TrimPrefix(quote(p), `"`) + ":" // a longer path may be in front of it, in the same quotes
			known = known || strings.Contains(message, " "+shown) || strings.Contains(message, "/"+shown) ||
				strings.Contains(message, ` "`+shown)
		}
	}
	switch {
	case !strings.HasPrefix(message, "txcommit: "):
		return fmt.Errorf("the message does not begin with txcommit")
	case !known:
		return fmt.Errorf("the message names no path of the user's")
	case stagedName.MatchString(message):
		return fmt.Errorf("the message names a staged file")
	case !strings.Contains(message, errno.Error()):
		return fmt.Errorf("the message does not say %q", errno)
	case len(res.Stdout) > 0 && res.Stdout[0] == '{':
		return checkObject(res, message)
	}
	return nil
}

// checkObject checks that the JSON object says what the message says.
func checkObject(res *supervise.Result, message string) error {
	var object struct {
		Result string
		Error  struct{ Message, Hint string }
	}
	if err := json.Unmarshal(res.Stdout, &object); err != nil {
		return err
	}
	results := map[int]string{exitFailed: "failed rolled-back", exitIncomplete: "incomplete", exitCleanup: "committed"}
	if !strings.Contains(results[res.ExitCode], object.Result) || "txcommit: "+object.Error.Message != message {
		return fmt.Errorf("the JSON object says something else")
	}
	if object.Error.Hint == "" {
		return fmt.Errorf("there is no hint")
	}
	return nil
}
