//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	os.Exit(sandbox.Main(m))
}

// stepLimit bounds a process of the binary.
const stepLimit = 60 * time.Second

// needs are the capabilities that every test here takes.
func needs(t *testing.T, fs ...sandbox.FS) {
	t.Helper()
	all := []sandbox.Capability{sandbox.Private, sandbox.Probed("seccomp user notification", supervise.Supported)}
	for _, f := range fs {
		all = append(all, sandbox.Loop(f))
	}
	sandbox.Need(t, all...)
}

// A stand is a workload on a file system of its own.
type stand struct {
	*testing.T
	fs     sandbox.FS
	layers bool // an overlay over the file system
	temp   string
	bin    string
	mounts []*sandbox.Mount // the uppermost last
	work   *workload.Workload
	start  *oracle.Seen
	rules  *oracle.Case
	acked  int // steps
}

// newStand makes a file system of size bytes (0: as usual) with the start tree of a workload on it, all of it durable.
func newStand(t *testing.T, fs sandbox.FS, size int64, layers bool, w *workload.Workload) *stand {
	t.Helper()
	s := &stand{T: t, fs: fs, layers: layers, temp: sandbox.TempDir(t, "live-"), bin: bin.Need(t), work: w}
	if err := fs.Make(s.image(), size); err != nil {
		t.Fatal(err)
	}
	s.mount()
	t.Cleanup(s.unmount)
	if err := os.Mkdir(s.dir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.Build(s.dir()); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.start, err = oracle.Look(workload.Root(s.dir())); err == nil {
		s.rules, err = oracle.NewCase(w, s.start)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.syncfs(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) image() string { return filepath.Join(s.temp, "image") }

// base is where the file system is mounted.
func (s *stand) base() string { return filepath.Join(s.temp, "mnt") }

// dir is the folder of the workload.
func (s *stand) dir() string {
	if s.layers {
		return filepath.Join(s.temp, "merged", "w")
	}
	return filepath.Join(s.base(), "w")
}

func (s *stand) mount() {
	s.Helper()
	m, err := s.fs.Mount(s.image(), s.base())
	if err != nil {
		s.Fatal(err)
	}
	s.mounts = append(s.mounts, m)
	if !s.layers {
		return
	}
	for _, d := range []string{"lower", "upper", "work"} {
		if err := os.MkdirAll(filepath.Join(s.base(), d), 0o755); err != nil {
			s.Fatal(err)
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", s.base())
	if m, err = sandbox.MountAt("overlay", filepath.Join(s.temp, "merged"), "overlay", options); err != nil {
		s.Fatal(err)
	}
	s.mounts = append(s.mounts, m)
}

func (s *stand) unmount() {
	s.Helper()
	for len(s.mounts) > 0 {
		last := len(s.mounts) - 1
		if err := s.mounts[last].Close(); err != nil {
			s.Fatal(err)
		}
		s.mounts = s.mounts[:last]
	}
}

func (s *stand) syncfs() error {
	d, err := os.Open(s.base())
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}

// The ways to shut a file system down.
const (
	logFlush   = 1 // what is in the journal's memory is written first
	noLogFlush = 2 // it is not
)

// shutdown makes the file system refuse everything from now on.
func (s *stand) shutdown(flags uint32) error { return shutdownAt(s.base(), flags) }

func shutdownAt(at string, flags uint32) error {
	const fsIocShutdown = 0x8004587D // FS_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
	d, err := os.Open(at)
	if err != nil {
		return err
	}
	defer d.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), fsIocShutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		return fmt.Errorf("shut %s down: %w", at, errno)
	}
	return nil
}

// step runs the next step, which counts as acknowledged if it ends as predicted.
func (s *stand) step(f supervise.Fault) (res supervise.Result, ended bool) {
	s.Helper()
	step := &s.work.Steps[s.acked]
	if step.Act != nil {
		if err := step.Act.Do(s.dir()); err != nil {
			s.Fatalf("seed %d: step %d (%v): %v", s.work.Seed, s.acked+1, step.Act, err)
		}
		s.acked++
		return res, true
	}
	res, err := supervise.Run(f, supervise.Options{Timeout: stepLimit}, step.Command(s.bin, s.dir()).Args...)
	if err != nil {
		s.Fatalf("seed %d: step %d: %v\n%s%s", s.work.Seed, s.acked+1, err, res.Stdout, res.Stderr)
	}
	if res.ExitCode == step.Exit {
		s.acked++
		return res, true
	}
	return res, false
}

// judge recovers and checks, and checks what the last step has said if it has not ended as predicted.
func (s *stand) judge(res supervise.Result, ended bool) error {
	v, err := s.rules.Verify(oracle.Process(s.bin), s.dir(), s.acked)
	if err == nil && !ended {
		err = oracle.CheckExit(v, s.acked, res.ExitCode)
	}
	if err != nil {
		return fmt.Errorf("seed %d: step %d, %d acknowledged, exit code %d: %w\n%s%s",
			s.work.Seed, s.acked+1, s.acked, res.ExitCode, err, res.Stdout, res.Stderr)
	}
	return nil
}
