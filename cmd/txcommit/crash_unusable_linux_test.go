package main

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// newerMeta makes the journal one of a newer bbolt, whose meta pages are right.
func newerMeta(b []byte) []byte {
	for _, at := range []int{0, os.Getpagesize()} {
		m := b[at+16:]
		binary.NativeEndian.PutUint32(m[4:], 3)
		h := fnv.New64a()
		_, _ = h.Write(m[:56])
		binary.NativeEndian.PutUint64(m[56:], h.Sum64())
	}
	return b
}

// TestUnusableJournal puts something else in the place of the journal, or of what belongs to it. The command says so
// with exit code 6 and touches nothing; recover --rebuild makes the store work again and loses nothing.
func TestUnusableJournal(t *testing.T) {
	bin := needBinary(t)
	edit := func(change func([]byte) []byte) func(t *testing.T, state string) error {
		return func(_ *testing.T, state string) error {
			b, err := os.ReadFile(filepath.Join(state, "journal.db"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(state, "journal.db"), change(b), 0o600)
		}
	}
	instead := func(make func(name string) error) func(t *testing.T, state string) error {
		return func(_ *testing.T, state string) error {
			name := filepath.Join(state, "journal.db")
			return errors.Join(os.Rename(name, filepath.Join(filepath.Dir(filepath.Dir(state)), "old journal")), make(name))
		}
	}
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, state string) error
		says   string
	}{
		{"both metas zeroed", edit(func(b []byte) []byte { clear(b[:2*os.Getpagesize()]); return b }), "meta page 0 is damaged"},
		{"one meta damaged", edit(func(b []byte) []byte { b[os.Getpagesize()+40] ^= 4; return b }), "meta page 1 is damaged"},
		{"emptied", edit(func([]byte) []byte { return nil }), "cut short"},
		{"text", edit(func([]byte) []byte { return []byte(strings.Repeat("not a journal\n", 1000)) }), "damaged"},
		{"newer bbolt", edit(newerMeta), "format 3"},
		{"missing", instead(func(string) error { return nil }), "missing"},
		{"folder", instead(func(name string) error { return os.Mkdir(name, 0o700) }), "a directory"},
		{"fifo", instead(func(name string) error { return unix.Mkfifo(name, 0o600) }), "a special file"},
		{"symlink", instead(func(name string) error { return os.Symlink("../../old journal", name) }), "a symbolic link"},
		{"hard link", func(_ *testing.T, state string) error {
			return os.Link(filepath.Join(state, "journal.db"), filepath.Join(state, "../../linked"))
		}, "second hard link"},
		{"lock hard linked", func(_ *testing.T, state string) error {
			return os.Link(filepath.Join(state, "lock"), filepath.Join(state, "../../linked"))
		}, "second hard link"},
		{"newer store", func(_ *testing.T, state string) error {
			return os.WriteFile(filepath.Join(state, "format"), []byte(`{"version":2,"store":"x","more":1}`), 0o600)
		}, "format 2, this txcommit reads format 1"},
		{
			"newer journal", func(_ *testing.T, state string) error { return newerJournal(filepath.Join(state, "journal.db")) },
			"format 2, this txcommit reads format 1",
		},
		{"format file is no JSON", func(_ *testing.T, state string) error {
			return os.WriteFile(filepath.Join(state, "format"), []byte("?"), 0o600)
		}, "format"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWreck(t, bin, filepath.Join(workFolder(t), "stand"))
			if err := tc.damage(t, filepath.Join(w.root(), ".txcommit")); err != nil {
				t.Fatal(err)
			}
			w.before = w.everything()
			w.refuses(tc.says)
			w.rebuild()
		})
	}
}

// refuses runs the commands that need the journal.
func (w *wreck) refuses(says string) {
	w.Helper()
	w.write(w.T, "other.json", `{"op": "write", "path": "other", "content": "x"}`)
	for _, args := range [][]string{{"recover"}, {"status"}, {"apply", "other.json"}} {
		res := w.run(w.T, supervise.Fault{}, supervise.Options{}, args...)
		if res.ExitCode != exitJournal || !strings.Contains(string(res.Stderr), says) || !strings.Contains(string(res.Stderr), "--rebuild") {
			w.Errorf("%s: exit code %d, want %d and %q and a hint:\n%s", args[0], res.ExitCode, exitJournal, says, res.Stderr)
		}
		w.untouched(args[0])
	}
	if _, err := txn.Open(context.Background(), w.root(), nil); !errors.Is(err, txn.ErrJournal) {
		w.Errorf("Open: %v, want ErrJournal", err)
	}
	w.untouched("Open")
}

// rebuild makes the store work again: the tree is as it was, all contents old and new are still there, and the next
// transaction works.
func (w *wreck) rebuild() {
	w.Helper()
	tree, _, err := look(w.root())
	if err != nil {
		w.Fatal(err)
	}
	res := w.run(w.T, supervise.Fault{}, supervise.Options{}, "recover", "--rebuild")
	if res.ExitCode != exitOK {
		w.Fatalf("recover --rebuild: exit code %d\n%s%s", res.ExitCode, res.Stdout, res.Stderr)
	}
	// The new journal has seen fewer puts than the old one, and is no older one that was put back.
	w.sweeps()
	w.gaveUp(tree, "rebuild")
}

// gaveUp checks a store whose unfinished transaction is not to be ended.
func (w *wreck) gaveUp(tree layout, how string) {
	w.Helper()
	now, _, err := look(w.root())
	if err != nil {
		w.Fatal(err)
	}
	if diff := now.differences(tree); len(diff) > 0 {
		w.Errorf("%s: the tree was changed: %s", how, strings.Join(diff, "; "))
	}
	w.nothingLost(how)
	for range 2 {
		if res := w.run(w.T, supervise.Fault{}, supervise.Options{}, "recover"); res.ExitCode != exitOK {
			w.Errorf("recover after %s: exit code %d\n%s", how, res.ExitCode, res.Stderr)
		}
	}
	w.nothingLost(how + " and recover")
	if err := w.commit("other.json", txn.Sync); err != nil {
		w.Fatalf("a transaction after %s: %v", how, err)
	}
	if now, _, err = look(w.root()); err != nil {
		w.Fatal(err)
	}
	if diff := now.differences(tree.with("other", "file 0644 x")); len(diff) > 0 {
		w.Errorf("a transaction after %s: %s", how, strings.Join(diff, "; "))
	}
	if err := w.checkJournal(); err != nil {
		w.Error(err)
	}
	w.nothingLost("a transaction after " + how)
}

// nothingLost fails if a content of the old or the new tree is nowhere below the root.
func (w *wreck) nothingLost(how string) {
	w.Helper()
	wanted := map[string]bool{}
	for _, l := range []layout{w.start, w.want} {
		for e := range maps.Values(l) {
			if strings.HasPrefix(e, "file ") {
				wanted[strings.SplitN(e, " ", 3)[2]] = true
			}
		}
	}
	for p, line := range w.everything() {
		for content := range wanted {
			if strings.HasSuffix(line, " "+content) && !strings.HasPrefix(p, "/.txcommit/stage") && !strings.HasPrefix(p, "/.txcommit/trash") {
				delete(wanted, content)
			}
		}
	}
	if len(wanted) > 0 {
		w.Errorf("after %s these contents are gone: %q", how, slices.Sorted(maps.Keys(wanted)))
	}
}

// TestAbandon gives an unfinished transaction up: the tree stays in between, and nothing is lost.
func TestAbandon(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	w.write(t, "other.json", `{"op": "write", "path": "other", "content": "x"}`)
	tree, _, err := look(w.root())
	if err != nil {
		t.Fatal(err)
	}
	state, err := w.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res := w.run(t, supervise.Fault{}, supervise.Options{}, "recover", "--abandon", state.Pending[0].ID); res.ExitCode != exitOK {
		t.Fatalf("recover --abandon: exit code %d\n%s", res.ExitCode, res.Stderr)
	}
	w.gaveUp(tree, "abandon")
}

// newerJournal makes the journal one of the next version of our own format.
func newerJournal(path string) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{0, 0, 0, 2})
	})
	return errors.Join(err, db.Close())
}

// copyOf copies the wreck's folder with cp, and returns the copy.
func (w *wreck) copyOf(flags string) *wreck {
	w.Helper()
	to := filepath.Join(workFolder(w.T), "copy")
	if out, err := exec.Command("cp", flags, w.dir, to).CombinedOutput(); err != nil {
		w.Fatalf("cp: %v\n%s", err, out)
	}
	s := *w.stand
	s.dir = to
	c := &wreck{stand: &s, T: w.T, good: w.good}
	c.before = c.everything()
	return c
}

// TestLinkedCopy copies an unfinished store with its files linked: neither is touched, the copy is rebuilt, and then the
// store itself is recovered as if there never had been a copy.
func TestLinkedCopy(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	c := w.copyOf("-al")
	w.before = w.everything()
	w.refuses("second hard link")
	c.refuses("second hard link")
	c.rebuild()
	if w.recover("after the copy was rebuilt") {
		t.Error("the store itself is still refused")
	}
}

// TestCopy copies an unfinished store whole: every inode differs, so nothing can be told of it, and nothing is touched.
// The way out is to give the transaction up.
func TestCopy(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	c := w.copyOf("-a")
	c.write(t, "other.json", `{"op": "write", "path": "other", "content": "x"}`)
	for _, args := range [][]string{{"recover"}, {"recover"}, {"apply", "other.json"}} {
		res := c.run(t, supervise.Fault{}, supervise.Options{}, args...)
		if res.ExitCode != exitIncomplete || !strings.Contains(string(res.Stderr), "copied") {
			t.Errorf("%s: exit code %d, want %d and that it was copied:\n%s", args[0], res.ExitCode, exitIncomplete, res.Stderr)
		}
		c.untouched(args[0])
	}
	tree, _, err := look(c.root())
	if err != nil {
		t.Fatal(err)
	}
	state, err := c.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res := c.run(t, supervise.Fault{}, supervise.Options{}, "recover", "--abandon", state.Pending[0].ID); res.ExitCode != exitOK {
		t.Fatalf("recover --abandon: exit code %d\n%s", res.ExitCode, res.Stderr)
	}
	c.gaveUp(tree, "abandon")
	if w.recover("the store that was copied") {
		t.Error("the store that was copied is refused")
	}
}
