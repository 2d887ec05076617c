//go:build unix

package recovery

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
)

// tree describes the tree: files by their content, folders by their mode. Modes of files are shown unless 0644.
func (w *world) tree() map[string]string {
	w.Helper()
	all := map[string]string{}
	w.must(filepath.WalkDir(w.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == w.root {
			return err
		}
		if d.Name() == ".txcommit" {
			return fs.SkipDir
		}
		all[p[len(w.root)+1:]] = w.describe(p)
		return nil
	}))
	return all
}

func (w *world) describe(p string) string {
	w.Helper()
	i, err := os.Lstat(p)
	w.must(err)
	switch {
	case i.IsDir():
		return fmt.Sprintf("folder %04o", fsys.Bits(i.Mode()))
	case i.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(p)
		w.must(err)
		return "link " + to
	}
	b, err := os.ReadFile(p)
	w.must(err)
	if m := fsys.Bits(i.Mode()); m != 0o644 {
		return fmt.Sprintf("%s %04o", b, m)
	}
	return string(b)
}

// displaced lists the contents of what was put aside; of folders, the files in them.
func (w *world) displaced() (contents []string) {
	w.Helper()
	w.must(filepath.WalkDir(w.path(".txcommit/displaced"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			contents = append(contents, w.describe(p))
		}
		return err
	}))
	slices.Sort(contents)
	return contents
}

// wantTree compares the tree.
func (w *world) wantTree(want map[string]string) {
	w.Helper()
	if got := w.tree(); !maps.Equal(got, want) {
		w.Errorf("the tree is %v\nwant %v", got, want)
	}
}

func (w *world) wantDisplaced(want ...string) {
	w.Helper()
	slices.Sort(want)
	if got := w.displaced(); !slices.Equal(got, want) {
		w.Errorf("displaced: %q, want %q", got, want)
	}
}

// settled checks that nothing is left to do, and that doing it again changes nothing.
func (w *world) settled() {
	w.Helper()
	tree, aside := w.tree(), w.displaced()
	for range 2 {
		rep, err := w.recover()
		if err != nil || len(rep.Recovered) != 0 || rep.Swept != 0 {
			w.Errorf("recovered again: %+v, %v; want nothing to do", rep, err)
		}
		w.wantTree(tree)
		w.wantDisplaced(aside...)
	}
	names, err := os.ReadDir(w.path(".txcommit/stage"))
	w.must(err)
	if len(names) > 0 {
		w.Errorf("left in stage/: %v", names)
	}
}

// needs skips a test whose surroundings lack something, unless nothing may be skipped.
func needs(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs "+format, args...)
	}
	t.Skipf("needs "+format, args...)
}

// snapshot describes everything below the root with its inodes, but for the journal's content.
func (w *world) snapshot() map[string]string {
	w.Helper()
	all := map[string]string{}
	w.must(filepath.WalkDir(w.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := os.Lstat(p)
		if err != nil {
			return err
		}
		st := i.Sys().(*syscall.Stat_t)
		all[p] = fmt.Sprintf("%d %d %v", st.Ino, st.Nlink, i.Mode())
		if d.Name() != "journal.db" && !d.IsDir() {
			all[p] += " " + w.describe(p)
		}
		return nil
	}))
	return all
}

func (w *world) untouched(before map[string]string) {
	w.Helper()
	for p, line := range w.snapshot() {
		if before[p] != line && !strings.HasSuffix(p, "view.lock") {
			w.Errorf("%s is %q, was %q", p, line, before[p])
		}
		delete(before, p)
	}
	for p := range before {
		w.Errorf("%s is gone", p)
	}
}

// stuck runs a recovery that must end as incomplete, twice, and change nothing.
func (w *world) stuck(says string) {
	w.Helper()
	for range 2 {
		before := w.snapshot()
		_, err := w.recover()
		if !errors.Is(err, ErrIncomplete) || !strings.Contains(fmt.Sprint(err), says) {
			w.Errorf("recover: %v, want ErrIncomplete that says %q", err, says)
		}
		w.untouched(before)
	}
}
