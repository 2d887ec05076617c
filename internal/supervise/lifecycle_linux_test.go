//go:build amd64 || arm64

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Output, input, exit code, environment and directory are as for os/exec.
func TestSurroundings(t *testing.T) {
	needSupervisor(t)
	if res := runTarget(t, "exit", "", Fault{}, Options{}); res.ExitCode != 7 || res.Signal != 0 {
		t.Errorf("exit code %d, signal %v, want 7 and none", res.ExitCode, res.Signal)
	}
	o := Options{Env: append(os.Environ(), targetEnv+"=echo-env", "GREETING=hi")}
	if res, err := Run(Fault{}, o, self); string(res.Stdout) != "hi" || err != nil {
		t.Errorf("target sees GREETING %q (%v), want hi", res.Stdout, err)
	}
	dir := t.TempDir()
	res, err := Run(Fault{}, Options{Dir: dir, Stdin: []byte("in")}, "sh", "-c", `cat; pwd >&2; echo x > y`)
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Stdout) != "in" || string(res.Stderr) != dir+"\n" || res.Calls != 1 {
		t.Errorf("stdout %q, stderr %q, %d calls, want %q, %q, 1", res.Stdout, res.Stderr, res.Calls, "in", dir)
	}
}

// A target that cannot be started is an error that says why.
func TestCannotStart(t *testing.T) {
	needSupervisor(t)
	notExecutable := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		argv []string
		want error
	}{
		{"missing", []string{"/nonexistent/program"}, fs.ErrNotExist},
		{"not on path", []string{"no-such-program-anywhere"}, exec.ErrNotFound},
		{"not executable", []string{notExecutable}, fs.ErrPermission},
	}
	for _, tt := range tests {
		if _, err := Run(Fault{}, Options{}, tt.argv...); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := Run(Fault{}, Options{}); err == nil {
		t.Error("no command: no error")
	}
}

// A target that hangs is killed with its child, its output is kept, and the
// error tells.
func TestTimeout(t *testing.T) {
	needSupervisor(t)
	o := Options{Dir: t.TempDir(), Env: append(os.Environ(), targetEnv+"=hang"), Timeout: time.Second}
	begin := time.Now()
	res, err := Run(Fault{}, o, self)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
	}
	if res.Signal != unix.SIGKILL || res.Calls != 3 || string(res.Stdout) != "hanging hanging " {
		t.Errorf("signal %v, %d calls, stdout %q, want SIGKILL, 3 and two hanging", res.Signal, res.Calls, res.Stdout)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A descendant that left the process group is killed at its next call.
func TestDaemon(t *testing.T) {
	needSupervisor(t)
	dir := t.TempDir()
	o := Options{Dir: dir, Env: append(os.Environ(), targetEnv+"=daemon")}
	res, err := Run(Fault{At: 20, Kill: true}, o, self)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 19 || res.Calls != 20 {
		t.Errorf("%d directories, %d calls, want 19 and 20", len(entries), res.Calls)
	}
}

// Stop runs before the call does and sees only what came before it. It may run
// another target, which is not counted here.
func TestStop(t *testing.T) {
	needSupervisor(t)
	dir := t.TempDir()
	stops := 0
	stop := func(c Call) {
		stops++
		if _, err := os.Stat(filepath.Join(dir, "2")); err != nil {
			t.Errorf("stopped at %v: third directory: %v", c, err)
		}
		if _, err := os.Stat(filepath.Join(dir, c.Path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stopped at %v: the call is done: %v", c, err)
		}
		if res := runTarget(t, "mkdirs", t.TempDir(), Fault{}, Options{}); res.Calls != mkdirs {
			t.Errorf("inner run: %d calls, want %d", res.Calls, mkdirs)
		}
	}
	res := runTarget(t, "mkdirs", dir, Fault{At: 4, Stop: stop}, Options{})
	if stops != 1 || res.Calls != mkdirs || res.ExitCode != 0 {
		t.Errorf("%d stops, %d calls, exit code %d, want 1, %d, 0", stops, res.Calls, res.ExitCode, mkdirs)
	}
}

// A signal that arrives while a counted call waits for its answer does not make
// it count again. Needs WAIT_KILLABLE_RECV. The shell has a single thread, so
// that the signal cannot go elsewhere.
func TestSignalInStop(t *testing.T) {
	needSupervisor(t)
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	if major < 5 || major == 5 && minor < 19 {
		lacks(t, "Linux 5.19, this is %d.%d", major, minor)
	}
	dir := t.TempDir()
	stop := func(Call) {
		var pid int
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if _, scanErr := fmt.Sscan(string(b), &pid); err != nil || scanErr != nil {
			t.Fatalf("pid file: %q, %v", b, err)
		}
		if err := unix.Kill(pid, unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // for a wait that can be interrupted to be so
	}
	creates := func(c Call) bool { return c.Path != "" }
	res, err := Run(Fault{At: 2, Match: creates, Stop: stop}, Options{Dir: dir},
		"sh", "-c", `trap "echo caught" USR1; echo $$ >pid; : >a; : >b; :`)
	if err != nil || res.Calls != 3 || string(res.Stdout) != "caught\n" {
		t.Errorf("%d calls, stdout %q, error %v, want 3 calls and caught", res.Calls, res.Stdout, err)
	}
}

// Leaving Run from Stop, as t.Fatal does, takes the target down.
func TestStopNeverReturns(t *testing.T) {
	needSupervisor(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	wg.Go(func() {
		runTarget(t, "mkdirs", dir, Fault{At: 4, Stop: func(Call) { runtime.Goexit() }}, Options{})
	})
	wg.Wait()
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%d directories, want 3", len(entries))
	}
}

// The timeout kills a target whose Stop waits for too long.
func TestTimeoutInStop(t *testing.T) {
	needSupervisor(t)
	o := Options{Dir: t.TempDir(), Env: append(os.Environ(), targetEnv+"=mkdirs"), Timeout: 500 * time.Millisecond}
	stop := func(Call) { time.Sleep(time.Second) }
	if res, err := Run(Fault{At: 2, Stop: stop}, o, self); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("result %+v, error %v, want %v", res, err, context.DeadlineExceeded)
	}
}

// Run is safe for concurrent use.
func TestConcurrentRuns(t *testing.T) {
	needSupervisor(t)
	var wg sync.WaitGroup
	for i := range 32 {
		dir := t.TempDir()
		wg.Go(func() {
			f := Fault{At: i%mkdirs + 1, Kill: true}
			o := Options{Dir: dir, Env: append(os.Environ(), targetEnv+"=mkdirs")}
			res, err := Run(f, o, self)
			if entries, _ := os.ReadDir(dir); err != nil || len(entries) != f.At-1 || res.Calls != f.At {
				t.Errorf("run %d: %d directories, %d calls, error %v", i, len(entries), res.Calls, err)
			}
		})
	}
	wg.Wait()
}

// Thousands of runs leave no descriptor and no goroutine behind.
func TestNoLeak(t *testing.T) {
	needSupervisor(t)
	quick, err := exec.LookPath("true")
	if err != nil {
		lacks(t, "true(1): %v", err)
	}
	runs := 2000
	if testing.Short() {
		runs = 100
	}
	faults := []Fault{{}, {At: 1, Kill: true}, {At: 3, Kill: true}, {At: 1, Until: Forever, Errno: unix.EIO}}
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	for i := range runs {
		if _, err := Run(faults[i%len(faults)], Options{All: i%2 == 1}, quick); err != nil {
			t.Fatalf("run %d: %v", i, err)
		}
		_, _ = Run(Fault{}, Options{}, "/")
	}
	if got := openFiles(t); !slices.Equal(got, files) {
		t.Errorf("open files after %d runs: %v, before: %v", runs, got, files)
	}
	if got := runtime.NumGoroutine(); got > goroutines+runs/100 { // the last ones may still be ending
		t.Errorf("%d goroutines after %d runs, %d before", got, runs, goroutines)
	}
}

// openFiles returns where the descriptors of this process point.
func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, e := range entries {
		if link, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // not the one of ReadDir
			links = append(links, link)
		}
	}
	slices.Sort(links)
	return links
}

// BenchmarkRun and BenchmarkExec differ by the price of supervision.
func BenchmarkRun(b *testing.B) {
	needSupervisor(b)
	for b.Loop() {
		if _, err := Run(Fault{}, Options{}, "true"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExec(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
