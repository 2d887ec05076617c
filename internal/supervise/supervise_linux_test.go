//go:build amd64 || arm64

package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func names(calls []Call) []string {
	var s []string
	for _, c := range calls {
		s = append(s, c.Name)
	}
	return s
}

// errnos returns what targetOps printed: the errno of each of its calls.
func errnos(t *testing.T, res Result) []syscall.Errno {
	t.Helper()
	var errs []syscall.Errno
	for field := range strings.FieldsSeq(string(res.Stdout)) {
		var n int
		if _, err := fmt.Sscan(field, &n); err != nil {
			t.Fatalf("target printed %q", res.Stdout)
		}
		errs = append(errs, syscall.Errno(n))
	}
	if len(errs) != len(opNames) {
		t.Fatalf("target reported %d calls, want %d; stderr %q", len(errs), len(opNames), res.Stderr)
	}
	return errs
}

// A sequential target makes the same calls with the same numbers every time.
func TestCountRepeats(t *testing.T) {
	needSupervisor(t)
	for range 20 {
		dir := t.TempDir()
		res := runTarget(t, "ops", dir, Fault{}, Options{Trace: true})
		if got := names(res.Trace); !slices.Equal(got, opNames) {
			t.Fatalf("trace = %v, want %v", got, opNames)
		}
		if res.Calls != len(opNames) || res.Hit != nil || res.ExitCode != 0 || res.Signal != 0 {
			t.Fatalf("result = %+v, want %d calls, no hit, exit code 0", res, len(opNames))
		}
		if got := res.Trace[len(opNames)-1]; got.N != len(opNames) || got.FD != filepath.Join(dir, "d") {
			t.Errorf("last call = %v, want number %d on the directory d", got, len(opNames))
		}
		if got, want := res.Trace[8].String(), "9 renameat path=d/a -> d/b"; got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

// The k-th call, and no other, is refused with each errno, for every k.
func TestErrnoAtEveryCall(t *testing.T) {
	needSupervisor(t)
	list := []syscall.Errno{unix.EIO, unix.ENOSPC, unix.EROFS, unix.EMFILE, unix.EACCES, unix.EDQUOT}
	for k := 1; k <= len(opNames); k++ {
		want := list[k%len(list)]
		res := runTarget(t, "ops", t.TempDir(), Fault{At: k, Errno: want}, Options{})
		if got := errnos(t, res); got[k-1] != want {
			t.Errorf("call %d returned %v, want %v", k, got[k-1], want)
		}
		if res.Hit == nil || res.Hit.N != k || res.Hit.Name != opNames[k-1] {
			t.Errorf("hit = %v, want call %d, %s", res.Hit, k, opNames[k-1])
		}
	}
}

// An errno sticks from At to Until.
func TestStickyErrno(t *testing.T) {
	needSupervisor(t)
	for _, until := range []int{0, 3, 5, len(opNames), Forever} {
		const at = 5
		res := runTarget(t, "ops", t.TempDir(), Fault{At: at, Until: until, Errno: unix.EDQUOT}, Options{})
		for i, got := range errnos(t, res) {
			n := i + 1
			want := n == at || n > at && n <= until
			if (got == unix.EDQUOT) != want {
				t.Errorf("until %d: call %d returned %v", until, n, got)
			}
		}
	}
}

// Killed at call k, the target has done k-1 of its calls, for every k until it
// runs to its end.
func TestKillAtEveryCall(t *testing.T) {
	needSupervisor(t)
	for k := 1; ; k++ {
		dir := t.TempDir()
		res := runTarget(t, "mkdirs", dir, Fault{At: k, Kill: true}, Options{})
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(entries), min(k-1, mkdirs); got != want {
			t.Fatalf("killed at %d: %d effects, want %d", k, got, want)
		}
		if res.Hit == nil {
			if k != mkdirs+1 || res.ExitCode != 0 {
				t.Fatalf("unharmed at %d with exit code %d, want %d and 0", k, res.ExitCode, mkdirs+1)
			}
			return
		}
		if res.Calls != k || res.ExitCode != -1 || res.Signal != unix.SIGKILL {
			t.Fatalf("killed at %d: %d calls, exit code %d, signal %v", k, res.Calls, res.ExitCode, res.Signal)
		}
	}
}

// A signal reaches the target, and the call goes on.
func TestSignal(t *testing.T) {
	needSupervisor(t)
	for k := 1; k <= mkdirs; k++ {
		res := runTarget(t, "signal", t.TempDir(), Fault{At: k, Signal: unix.SIGUSR1}, Options{})
		if got, want := string(res.Stdout), unix.SIGUSR1.String(); got != want || res.Calls != mkdirs {
			t.Errorf("signal at %d: target saw %q in %d calls, want %q in %d", k, got, res.Calls, want, mkdirs)
		}
	}
	res := runTarget(t, "sleep", t.TempDir(), Fault{At: 2, Signal: unix.SIGTERM}, Options{})
	if res.ExitCode != -1 || res.Signal != unix.SIGTERM {
		t.Errorf("after SIGTERM: exit code %d, signal %v", res.ExitCode, res.Signal)
	}
}

// One counter spans all threads and children, and preemption by SIGURG makes no
// call count twice.
func TestCountsAllThreads(t *testing.T) {
	needSupervisor(t)
	want := workers*perWorker*threadedOp + len(opNames)
	for range 10 {
		res := runTarget(t, "threads", t.TempDir(), Fault{}, Options{Trace: true})
		if res.Calls != want || len(res.Trace) != want {
			t.Fatalf("%d calls, %d traced, want %d; stderr %q", res.Calls, len(res.Trace), want, res.Stderr)
		}
	}
}

// Of a multithreaded target, killed at call k, no more than k-1 calls happened.
func TestKillAllThreads(t *testing.T) {
	needSupervisor(t)
	for k := 1; k <= workers*perWorker*threadedOp; k += 17 {
		dir := t.TempDir()
		res := runTarget(t, "threads", dir, Fault{At: k, Kill: true}, Options{Trace: true})
		if res.Hit == nil || res.Calls != k || res.Signal != unix.SIGKILL {
			t.Fatalf("killed at %d: hit %v, %d calls, signal %v", k, res.Hit, res.Calls, res.Signal)
		}
		creations := 0
		for _, c := range res.Trace[:k-1] {
			if c.Name == "openat" || c.Name == "mkdirat" || c.Name == "linkat" || c.Name == "symlinkat" {
				creations++
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > creations {
			t.Errorf("killed at %d: %d entries after %d creating calls", k, len(entries), creations)
		}
	}
}

// Pipes, sockets, eventfds, memory files and standard output do not count.
func TestQuietWrites(t *testing.T) {
	needSupervisor(t)
	res := runTarget(t, "quiet", t.TempDir(), Fault{}, Options{Trace: true})
	if res.Calls != 0 || res.ExitCode != 0 {
		t.Errorf("calls = %v, exit code %d, want none and 0; stderr %q", res.Trace, res.ExitCode, res.Stderr)
	}
}

// Opens count if they create or truncate, however they are spelt, or all do.
func TestOpens(t *testing.T) {
	needSupervisor(t)
	long := strings.Repeat("./", 2000) + "two"
	want := []string{"one", "one", "two", long}
	res := runTarget(t, "opens", t.TempDir(), Fault{}, Options{Trace: true})
	var got []string
	for _, c := range res.Trace {
		got = append(got, c.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("counted opens of %q, want %q", got, want)
	}

	ours := func(c Call) bool { return c.Path == "one" || strings.HasSuffix(c.Path, "two") }
	res = runTarget(t, "opens", t.TempDir(), Fault{Match: ours}, Options{All: true})
	if res.Calls != 6 {
		t.Errorf("all opens: %d calls, want 6", res.Calls)
	}
}

// Only the calls that match are numbered.
func TestMatch(t *testing.T) {
	needSupervisor(t)
	f := Fault{At: 2, Errno: unix.EIO, Match: func(c Call) bool { return c.Name == "fsync" }}
	res := runTarget(t, "ops", t.TempDir(), f, Options{})
	if got := errnos(t, res); res.Calls != 2 || got[4] != 0 || got[12] != unix.EIO {
		t.Errorf("%d calls, errnos %v, want 2 calls, EIO for the second fsync only", res.Calls, got)
	}
}

// A string is read up to its end, across pages, but not beyond the last page.
func TestReadString(t *testing.T) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Mprotect(mem[2*page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("x", 99)
	read := func(offset int) string {
		return thread(os.Getpid()).readString(uint64(uintptr(unsafe.Pointer(&mem[offset]))))
	}
	copy(mem[page-50:], want+"\x00")
	if got := read(page - 50); got != want {
		t.Errorf("across pages: %q, want %q", got, want)
	}
	copy(mem[2*page-99:], want)
	if got := read(2*page - 99); got != want {
		t.Errorf("without an end: %q, want %q", got, want)
	}
	if got := read(2 * page); got != "" {
		t.Errorf("unreadable: %q, want nothing", got)
	}
}
