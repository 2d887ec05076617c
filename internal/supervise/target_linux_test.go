//go:build amd64 || arm64

package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// targetEnv makes the test binary behave as one of the targets.
const targetEnv = "SUPERVISE_TEST_TARGET"

// self is the test binary.
var self, _ = os.Executable()

// targets are the supervised programs. They work in the current directory.
var targets = map[string]func(){
	"ops":      targetOps,
	"mkdirs":   targetMkdirs,
	"threads":  targetThreads,
	"quiet":    targetQuiet,
	"opens":    targetOpens,
	"signal":   targetSignal,
	"hang":     targetHang,
	"daemon":   targetDaemon,
	"sleep":    func() { targetMkdirs(); time.Sleep(time.Hour) },
	"exit":     func() { os.Exit(7) },
	"nothing":  func() {},
	"echo-env": func() { fmt.Print(os.Getenv("GREETING")) },
}

func TestMain(m *testing.M) {
	if target, ok := targets[os.Getenv(targetEnv)]; ok {
		target()
		syscall.Exit(0) // os.Exit would write coverage files
	}
	os.Exit(m.Run())
}

// needSupervisor skips the test, or fails it where nothing may be skipped.
func needSupervisor(t testing.TB) {
	t.Helper()
	if err := Supported(); err != nil {
		lacks(t, "seccomp user notification: %v", err)
	}
}

// lacks skips a test whose surroundings lack something, or fails it where nothing may be skipped.
func lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs "+format, args...)
	}
	t.Skipf("needs "+format, args...)
}

// runTarget runs a target in dir. Errors of the supervision are fatal.
func runTarget(t testing.TB, name, dir string, f Fault, o Options) Result {
	t.Helper()
	o.Dir, o.Env = dir, append(os.Environ(), targetEnv+"="+name)
	res, err := Run(f, o, self)
	if err != nil {
		t.Fatalf("Run(%s): %v", name, err)
	}
	return res
}

// opNames are the counted calls of targetOps, in order.
var opNames = []string{
	"mkdirat", "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "fchmod",
	"renameat", "symlinkat", "linkat", "unlinkat", "fsync", "ioctl",
}

// targetOps makes the calls of opNames whatever they return, and prints what
// each of them returned.
func targetOps() {
	const at = unix.AT_FDCWD
	report := func(err error) {
		errno, _ := err.(syscall.Errno)
		fmt.Println(int(errno))
	}
	report(unix.Mkdirat(at, "d", 0o755))
	fd, err := unix.Openat(at, "d/a", unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	report(err)
	_, err = unix.Write(fd, []byte("hello"))
	report(err)
	_, err = unix.Pwrite(fd, []byte("J"), 0)
	report(err)
	report(unix.Fsync(fd))
	report(unix.Fdatasync(fd))
	report(unix.Ftruncate(fd, 3))
	report(unix.Fchmod(fd, 0o600))
	report(unix.Renameat(at, "d/a", at, "d/b"))
	report(unix.Symlinkat("b", at, "d/s"))
	report(unix.Linkat(at, "d/b", at, "d/c", 0))
	report(unix.Unlinkat(at, "d/s", 0))
	dir, _ := unix.Openat(at, "d", unix.O_RDONLY|unix.O_CLOEXEC, 0) // not counted
	report(unix.Fsync(dir))
	report(unix.IoctlSetPointerInt(dir, unix.FS_IOC_SETFLAGS, 0))
}

const mkdirs = 9

func targetMkdirs() {
	for i := range mkdirs {
		_ = unix.Mkdirat(unix.AT_FDCWD, fmt.Sprint(i), 0o755)
	}
}

const (
	workers    = 4
	perWorker  = 25
	threadedOp = 3 // counted calls per file
)

// targetThreads writes and renames files from several threads, with goroutines
// in between that spin, so that the runtime preempts often, and runs targetOps
// as a child.
func targetThreads() {
	stop := make(chan struct{})
	for range workers {
		go spin(stop)
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			runtime.LockOSThread()
			for i := range perWorker {
				name := fmt.Sprintf("%d-%d", w, i)
				fd, _ := unix.Openat(unix.AT_FDCWD, name, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
				_, _ = unix.Write(fd, []byte(name))
				_ = unix.Close(fd)
				_ = unix.Renameat(unix.AT_FDCWD, name, unix.AT_FDCWD, name+".done")
			}
		})
	}
	wg.Go(func() {
		child := exec.Command(self)
		child.Env = append(os.Environ(), targetEnv+"=ops")
		_ = child.Run()
	})
	wg.Wait()
	close(stop)
}

func spin(stop chan struct{}) {
	for {
		for i := 0; i < 1e6; i++ { // no preemption point but SIGURG
			_ = i
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// targetQuiet writes where nothing survives a crash.
func targetQuiet() {
	var pipe [2]int
	_ = unix.Pipe2(pipe[:], unix.O_CLOEXEC)
	sockets, _ := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	event, _ := unix.Eventfd(0, unix.EFD_CLOEXEC)
	memory, _ := unix.MemfdCreate("x", unix.MFD_CLOEXEC)
	for _, fd := range []int{1, 2, pipe[1], sockets[0], event, memory} {
		if n, err := unix.Write(fd, []byte("8 bytes.")); n != 8 {
			panic(fmt.Sprint(fd, n, err))
		}
	}
	_, _ = unix.IoctlGetInt(pipe[0], unix.TIOCINQ)
	_, _ = os.ReadFile("/proc/self/status")
}

// targetOpens opens files in each way that makes a difference to the count.
func targetOpens() {
	const at = unix.AT_FDCWD
	_, _ = unix.Openat(at, "one", unix.O_CREAT|unix.O_WRONLY, 0o644)
	_, _ = unix.Openat(at, "one", unix.O_RDONLY, 0)
	_, _ = unix.Openat(at, "one", unix.O_TRUNC|unix.O_WRONLY, 0)
	_, _ = unix.Openat2(at, "two", &unix.OpenHow{Flags: unix.O_CREAT | unix.O_WRONLY, Mode: 0o644})
	_, _ = unix.Openat2(at, "two", &unix.OpenHow{Flags: unix.O_RDONLY})
	_, _ = unix.Openat2(at, strings.Repeat("./", 2000)+"two", &unix.OpenHow{Flags: unix.O_TRUNC | unix.O_WRONLY})
}

func targetSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGUSR1)
	targetMkdirs()
	select {
	case s := <-c:
		fmt.Print(s)
	case <-time.After(10 * time.Second):
	}
}

// targetHang starts a child that hangs, and hangs.
func targetHang() {
	_ = unix.Mkdirat(unix.AT_FDCWD, "parent", 0o755)
	if _, err := os.Stat("child"); err != nil {
		_ = unix.Mkdirat(unix.AT_FDCWD, "child", 0o755)
		child := exec.Command(self)
		child.Stdout = os.Stdout
		_ = child.Start()
	}
	fmt.Print("hanging ")
	time.Sleep(time.Hour)
}

// targetDaemon leaves a child in a session of its own behind, which makes
// directories for as long as it can.
func targetDaemon() {
	if os.Getenv("DAEMON") == "" {
		child := exec.Command(self)
		child.Env = append(os.Environ(), "DAEMON=1")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = child.Start()
		return
	}
	for i := 0; ; i++ {
		_ = unix.Mkdirat(unix.AT_FDCWD, fmt.Sprint(i), 0o755)
		time.Sleep(time.Millisecond)
	}
}
