package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// damaged is the workload whose journal is damaged while it is unfinished. All contents are different, so that it can
// be told whether one is lost.
var damaged = workload{
	name:    "damaged journal",
	base:    layout{"a": "file 0644 zero", "b": "file 0600 b old", "gone": "file 0600 gone", "dir/f": "file 0600 in it", "run": "file 0600 run"},
	start:   layout{"a": "file 0644 a old", "b": "file 0600 b old", "gone": "file 0600 gone", "dir/f": "file 0600 in it", "run": "file 0600 run"},
	earlier: []string{`{"op": "write", "path": "a", "content": "a old"}`},
	ops: `{"op": "write", "path": "a", "content": "a new"}, {"op": "write", "path": "b", "content": "b new"},
		{"op": "write", "path": "c/d", "content": "c new"}, {"op": "remove", "path": "gone"},
		{"op": "remove", "path": "dir", "recursive": true}, {"op": "chmod", "path": "run", "mode": "0755"}`,
	want: layout{"a": "file 0644 a new", "b": "file 0600 b new", "c/d": "file 0644 c new", "run": "file 0755 run"},
}

// wreck is a store with a decided record, two of whose steps are done.
type wreck struct {
	*stand
	*testing.T
	good   []byte            // the journal
	before map[string]string // the tree and the state folder
}

func newWreck(t *testing.T, bin, dir string) *wreck {
	t.Helper()
	return wreckOf(t, damaged.ready(t, bin, dir))
}

// wreckOf kills the command of a stand in the middle of its steps.
func wreckOf(t *testing.T, s *stand) *wreck {
	t.Helper()
	inTree := func(c supervise.Call) bool {
		return strings.HasPrefix(c.Name, "renameat") && (strings.Contains(c.Path, ".new") || strings.Contains(c.Path, ".old")) &&
			!strings.Contains(c.Path, ".new -> journal.db") && !strings.Contains(c.Path, "format")
	}
	res := s.apply(t, supervise.Fault{At: 3, Kill: true, Match: inTree})
	if res.Hit == nil {
		t.Fatalf("not killed: exit code %d\n%s", res.ExitCode, res.Stderr)
	}
	if state, err := s.status(context.Background()); err != nil || len(state.Pending) != 1 {
		t.Fatalf("killed at %v: status %+v, %v; want one pending transaction", res.Hit, state, err)
	}
	if _, err := s.checkTree(either); err == nil {
		t.Fatalf("killed at %v: the tree is whole, want it in between", res.Hit)
	}
	w := &wreck{stand: s, T: t}
	var err error
	if w.good, err = os.ReadFile(w.journal()); err != nil {
		t.Fatal(err)
	}
	w.before = w.everything()
	return w
}

func (w *wreck) journal() string { return filepath.Join(w.root(), ".txcommit", "journal.db") }

// everything describes all files of the root, but for who holds the store, its ballast and what is in the journal.
func (w *wreck) everything() map[string]string {
	w.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "ballast" {
			return err
		}
		i, err := os.Lstat(p)
		if err != nil {
			return err
		}
		st := i.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%v %d %d", i.Mode(), st.Ino, st.Nlink)
		if i.Mode().IsRegular() && d.Name() != "holder" && d.Name() != "journal.db" {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %s", i.ModTime().UnixNano(), b)
		}
		all[p[len(w.root()):]] = line
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// untouched fails unless all is as it was.
func (w *wreck) untouched(what string) {
	w.Helper()
	now := w.everything()
	for p, line := range w.before {
		if now[p] != line {
			w.Errorf("%s: %s is %q, was %q", what, p, now[p], line)
		}
	}
	for p := range now {
		if _, ok := w.before[p]; !ok {
			w.Errorf("%s: %s is new", what, p)
		}
	}
}

// recover recovers a damaged store: either it is refused and nothing is touched, or it is as good as ever. It says
// which; in the second case the wreck is used up.
func (w *wreck) recover(what string) (refused bool) {
	w.Helper()
	bad, err := os.ReadFile(w.journal())
	if err != nil {
		w.Fatal(err)
	}
	_, err = txn.Recover(context.Background(), w.root(), nil)
	if err == nil {
		if _, err := w.checkTree(renewed); err != nil {
			w.Errorf("%s: recovered: %v", what, err)
		}
		if err := w.checkRest(w.T, renewed); err != nil {
			w.Errorf("%s: recovered: %v", what, err)
		}
		return false
	}
	if !errors.Is(err, txn.ErrJournal) {
		w.Errorf("%s: recover: %v, want ErrJournal", what, err)
	}
	if now, err := os.ReadFile(w.journal()); err != nil || string(now) != string(bad) {
		w.Errorf("%s: the journal was changed (%v)", what, err)
	}
	w.untouched(what)
	return true
}

// restore makes the journal what it was.
func (w *wreck) restore() {
	w.Helper()
	if err := os.WriteFile(w.journal(), w.good, 0o600); err != nil {
		w.Fatal(err)
	}
}

// TestDamagedJournal damages each page of the journal of a store with an unfinished transaction: zeroed, cut off there,
// bits flipped. Recovery either ends the transaction, or refuses with nothing touched.
func TestDamagedJournal(t *testing.T) {
	bin, dir := needBinary(t), filepath.Join(workFolder(t), "stand")
	const seed = 20261124
	rnd := rand.New(rand.NewPCG(seed, 0))
	page := os.Getpagesize()
	w := newWreck(t, bin, dir)
	refused, recovered := 0, 0
	try := func(what string, damage func(b []byte) []byte) {
		b := damage(slices.Clone(w.good))
		if err := os.WriteFile(w.journal(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if w.recover(what) {
			refused++
			w.restore()
			return
		}
		recovered++
		w = newWreck(t, bin, dir)
	}
	for at := 0; at < len(w.good); at += page {
		used := strings.Trim(string(w.good[at:at+page]), "\x00") != ""
		if !used && at > 15*page {
			continue
		}
		try(fmt.Sprintf("page %d zeroed", at/page), func(b []byte) []byte { clear(b[at : at+page]); return b })
		try(fmt.Sprintf("cut to %d bytes", at), func(b []byte) []byte { return b[:at] })
		try(fmt.Sprintf("cut to %d bytes", at+1), func(b []byte) []byte { return b[:at+1] })
		flips := 1
		if used {
			flips = 12
		}
		for range flips {
			bit := rnd.IntN(100 * 8) // headers and elements: there is no more in most
			try(fmt.Sprintf("page %d, bit %d flipped", at/page, bit), func(b []byte) []byte { b[at+bit/8] ^= 1 << (bit % 8); return b })
		}
	}
	t.Logf("seed %d: refused %d, recovered %d", seed, refused, recovered)
	if refused == 0 || recovered == 0 {
		t.Errorf("refused %d, recovered %d: both should happen", refused, recovered)
	}
}
