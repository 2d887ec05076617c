package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// needReadOnlyRoot makes the root of a stand a read-only mount, and returns what makes it writable again.
func needReadOnlyRoot(t *testing.T, root string) (writable func()) {
	t.Helper()
	err := unix.Mount(root, root, "", unix.MS_BIND, "")
	if err == nil {
		t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
		err = unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs the right to mount: %v", err)
		}
		t.Skipf("needs the right to mount: %v", err)
	}
	return func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
}

type readOnlyRun struct {
	args []string
	code int
	says string
}

func (r readOnlyRun) check(t *testing.T, s *stand) {
	t.Helper()
	res := s.run(t, supervise.Fault{}, supervise.Options{}, r.args...)
	if out := string(res.Stdout) + string(res.Stderr); res.ExitCode != r.code || !strings.Contains(out, r.says) {
		t.Errorf("%s: exit code %d, want %d and %q:\n%s", strings.Join(r.args, " "), res.ExitCode, r.code, r.says, out)
	}
}

// TestReadOnlyMount works in a root that is mounted read-only, with a store and without one. Where nothing is to be done
// that is no failure.
func TestReadOnlyMount(t *testing.T) {
	bin := needBinary(t)
	const old = `{"op": "write", "path": "a", "content": "old"}`
	for name, earlier := range map[string][]string{"a store": {old}, "no store": nil} {
		t.Run(name, func(t *testing.T) {
			w := &workload{start: layout{"a": "file 0644 old"}, earlier: earlier}
			if earlier != nil {
				w.base = layout{}
			}
			s := w.ready(t, bin, filepath.Join(workFolder(t), "stand"))
			s.write(t, "same.json", old)
			s.write(t, "other.json", `{"op": "write", "path": "a", "content": "new"}`)
			needReadOnlyRoot(t, s.root())
			for _, r := range []readOnlyRun{
				{[]string{"status"}, exitOK, "clean"},
				{[]string{"recover"}, exitOK, "clean: nothing to recover"},
				{[]string{"apply", "same.json"}, exitOK, "nothing to do: 1 unchanged"},
				{[]string{"apply", "--dry-run", "other.json"}, exitOK, "~ a"},
				{[]string{"apply", "other.json"}, exitFailed, "read-only file system"},
			} {
				r.check(t, s)
			}
			st, err := txn.Open(t.Context(), s.root(), nil)
			if err == nil {
				err = errors.Join(st.View(t.Context(), func(fs.FS) error { return nil }), st.Close())
			}
			if err != nil {
				t.Errorf("View: %v", err)
			}
		})
	}
}

// TestReadOnlyHistory looks at the history of a root that is mounted read-only: it is there, and nothing of it can be used.
func TestReadOnlyHistory(t *testing.T) {
	w := &workload{start: layout{"a": "file 0644 old"}}
	s := w.ready(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	s.write(t, "other.json", `{"op": "write", "path": "a", "content": "new"}`)
	readOnlyRun{[]string{"apply", "other.json"}, exitOK, "committed"}.check(t, s)
	needReadOnlyRoot(t, s.root())
	for _, r := range []readOnlyRun{
		{[]string{"history"}, exitOK, "0 created, 1 changed"},
		{[]string{"undo", "--dry-run"}, exitOK, "~ a"},
		{[]string{"undo"}, exitFailed, "read-only file system"},
		{[]string{"gc"}, exitFailed, "read-only file system"},
	} {
		r.check(t, s)
	}
}

// TestReadOnlyAndLocked has a writer at work on a file system that is mounted a second time, read-only: its lock counts
// there too.
func TestReadOnlyAndLocked(t *testing.T) {
	w := &workload{start: layout{"a": "file 0644 old"}, base: layout{}, earlier: []string{`{"op": "write", "path": "a", "content": "old"}`}}
	s := w.ready(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	lock, err := os.Open(filepath.Join(s.root(), ".txcommit/lock"))
	if err == nil {
		defer lock.Close()
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	needReadOnlyRoot(t, s.root())
	readOnlyRun{[]string{"recover", "--lock-timeout", "0s"}, exitBusy, "held by another process"}.check(t, s)
	readOnlyRun{[]string{"status"}, exitOK, "busy"}.check(t, s)
}

// TestReadOnlyWreck has an unfinished transaction in a root that is mounted read-only: it is told, and ended when the root
// is writable again.
func TestReadOnlyWreck(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	w.write(t, "same.json", `{"op": "remove", "path": "no such file", "missing": "ok"}`)
	writable := needReadOnlyRoot(t, w.root())
	state, err := w.status(t.Context())
	if err != nil || state.State != "pending" || len(state.Pending) != 1 {
		t.Fatalf("status: %+v, %v; want one that is pending", state, err)
	}
	id := state.Pending[0].ID
	const says = " has to be recovered, for which the file system must be mounted for writing"
	for _, r := range []readOnlyRun{
		{[]string{"status"}, exitOK, "pending"},
		{[]string{"recover"}, exitIncomplete, "transaction " + id + says},
		{[]string{"apply", "same.json"}, exitIncomplete, "transaction " + id + says},
		{[]string{"recover", "--abandon", id}, exitFailed, "read-only file system"},
	} {
		r.check(t, w.stand)
	}
	if _, err := txn.Open(t.Context(), w.root(), &txn.Options{ReadOnly: true}); !errors.Is(err, txn.ErrIncomplete) {
		t.Errorf("Open for reading: %v, want ErrIncomplete", err)
	}
	w.untouched("read-only commands")
	writable()
	if w.recover("mounted for writing again") {
		t.Error("the store is still refused")
	}
}
