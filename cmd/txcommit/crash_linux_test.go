package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// needBinary builds the command, once for all tests, and skips the test where no process can be supervised.
func needBinary(t *testing.T) string {
	t.Helper()
	if err := supervise.Supported(); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs seccomp user notification: %v", err)
		}
		t.Skipf("needs seccomp user notification: %v", err)
	}
	bin, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

var builtBinary = sync.OnceValues(func() (string, error) {
	unix.Umask(0o022) // which the workloads are written for
	dir, err := os.MkdirTemp("", "txcommit-crash")
	if err != nil {
		return "", err
	}
	atEnd = append(atEnd, func() { _ = os.RemoveAll(dir) })
	bin := filepath.Join(dir, "txcommit")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // its start is faster, and there are thousands
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// memory is a file system on which no flush waits for a device. What survives a kill or an error is the same there.
const memory = "/dev/shm"

// workFolder returns a folder for the roots of a test, in memory if there is such a place.
func workFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "txcommit-crash")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A workload is one apply: what the tree is before and must be after it.
type workload struct {
	name string
	// earlier are transactions that have made start of base; without any there is no store yet.
	earlier []string
	base    layout
	level   txn.Durability // of the earlier ones
	start   layout
	source  layout // beside the root, for ops with a source
	ops     string // of the manifest that is applied
	flags   []string
	history int      // of the earlier ones
	command []string // instead of the apply of the manifest
	// forgotten says that the transaction is not kept.
	forgotten bool
	want      layout
	left      layout // of the source, after a commit; nil: all of it
	// noExchange says that the kernel refuses to exchange names.
	noExchange bool
	// mounted are folders in the root on which another file system is mounted.
	mounted []string
}

// stand is a workload that is ready to run: a root, a source and a manifest in a folder of their own.
type stand struct {
	*workload
	bin    string
	dir    string
	start  layout
	want   layout
	inodes map[string]inode // of the tree at the start
	checks int              // of the rest
}

// ready makes the folder of a stand anew.
func (w *workload) ready(t testing.TB, bin, dir string) *stand {
	t.Helper()
	s := &stand{workload: w, bin: bin, dir: dir, start: w.start.full(), want: w.want.full()}
	if err := w.clear(dir, ""); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, s.root(), s.src()} {
		if err := os.Mkdir(d, 0o755); err != nil && len(w.mounted) == 0 {
			t.Fatal(err)
		}
	}
	w.mount(t, dir)
	if w.base == nil {
		w.start.build(t, s.root())
	} else {
		w.base.build(t, s.root())
	}
	w.source.build(t, s.src())
	s.write(t, "m.json", w.ops)
	for i, ops := range w.earlier {
		s.write(t, "earlier.json", ops)
		if err := s.commit("earlier.json", w.level); err != nil {
			t.Fatalf("%s: earlier transaction %d: %v", w.name, i, err)
		}
	}
	now, inodes, err := look(s.root())
	if err != nil {
		t.Fatal(err)
	}
	if diff := now.differences(s.start); len(diff) > 0 {
		t.Fatalf("%s: the tree that it starts with: %s", w.name, strings.Join(diff, "; "))
	}
	s.inodes = inodes
	return s
}

// mount mounts a file system of memory at each of the folders that have one.
func (w *workload) mount(t testing.TB, dir string) {
	t.Helper()
	for _, at := range w.mounted {
		at = filepath.Join(dir, "root", at)
		err := os.Mkdir(at, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue // still mounted: to mount takes much longer than all the rest
		}
		if err == nil {
			err = unix.Mount("tmpfs", at, "tmpfs", 0, "size=8m,mode=755")
		}
		if err != nil {
			if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
				t.Fatalf("needs the right to mount: %v", err)
			}
			t.Skipf("needs the right to mount: %v", err)
		}
	}
	if len(w.mounted) > 0 {
		t.Cleanup(func() { w.unmount(dir) })
	}
}

// clear removes all that is below dir but for what is mounted.
func (w *workload) clear(dir, below string) error {
	at := filepath.Join(dir, below)
	if !slices.ContainsFunc(w.mounted, func(m string) bool { return strings.HasPrefix("root/"+m+"/", below+"/") || below == "" }) {
		return os.RemoveAll(at)
	}
	names, err := os.ReadDir(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, n := range names {
		err = errors.Join(err, w.clear(dir, filepath.Join(below, n.Name())))
	}
	return err
}

func (w *workload) unmount(dir string) {
	for _, at := range w.mounted {
		_ = unix.Unmount(filepath.Join(dir, "root", at), unix.MNT_DETACH) // it is not mounted, or anybody will notice
	}
}

func (s *stand) root() string { return filepath.Join(s.dir, "root") }
func (s *stand) src() string  { return filepath.Join(s.dir, "src") }

func (s *stand) write(t testing.TB, name, ops string) {
	t.Helper()
	m := fmt.Sprintf(`{"version": 1, "ops": [%s]}`, ops)
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(m), 0o600); err != nil {
		t.Fatal(err)
	}
}

// commit applies a manifest in this process.
func (s *stand) commit(name string, level txn.Durability) error {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := manifest.Parse(name, f)
	if err != nil {
		return err
	}
	ctx := context.Background()
	st, err := txn.Open(ctx, s.root(), &txn.Options{Durability: level, History: s.history})
	if err != nil {
		return err
	}
	err = st.Update(ctx, func(tx *txn.Tx) error { return tx.Apply(m, s.dir) })
	return errors.Join(err, st.Close())
}

// apply runs the workload under a fault.
func (s *stand) apply(t testing.TB, f supervise.Fault) supervise.Result {
	t.Helper()
	return s.run(t, f, supervise.Options{}, s.args()...)
}

// args are the arguments of the workload's command.
func (s *stand) args() []string {
	command := []string{"apply", "m.json"}
	if s.command != nil {
		command = s.command
	}
	return append(slices.Clone(command), s.flags...)
}

// run runs the command under a fault. Its working directory holds the root.
func (s *stand) run(t testing.TB, f supervise.Fault, o supervise.Options, args ...string) supervise.Result {
	t.Helper()
	if s.noExchange {
		f.Refuse = refuseExchange
	}
	argv := append([]string{s.bin, "-C", "root"}, args...)
	o.Dir = s.dir
	res, err := supervise.Run(f, o, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// refuseExchange is a file system that cannot exchange names.
func refuseExchange(c supervise.Call) syscall.Errno {
	if c.Nr == unix.SYS_RENAMEAT2 && c.Args[4] == unix.RENAME_EXCHANGE {
		return unix.EINVAL
	}
	return 0
}
