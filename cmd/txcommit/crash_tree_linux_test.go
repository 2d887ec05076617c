package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
)

// A layout is a tree in words, by path. It is what a workload starts with, what it must end with, and what is found:
//
//	dir MODE          a folder; those that are not listed are made with 0755
//	file MODE TEXT    a file
//	link TARGET       a symbolic link
//	hard PATH         a second name of the file PATH, which sorts before it
type layout map[string]string

// inode is what stays the same of a path that nobody touches.
type inode struct {
	Ino   uint64
	Mtime int64
}

// full adds the folders that are only implied.
func (l layout) full() layout {
	all := maps.Clone(l)
	for p := range l {
		for d := filepath.Dir(p); d != "."; d = filepath.Dir(d) {
			if _, ok := all[d]; !ok {
				all[d] = "dir 0755"
			}
		}
	}
	return all
}

// with returns the layout with one more entry.
func (l layout) with(path, entry string) layout {
	all := maps.Clone(l)
	all[path] = entry
	return all
}

// without returns the layout without some entries.
func (l layout) without(paths ...string) layout {
	all := maps.Clone(l)
	for _, p := range paths {
		delete(all, p)
	}
	return all
}

// sha256Of is the digest of a content in hexadecimal.
func sha256Of(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

// build makes the tree below dir, with modification times that no later write can have by chance.
func (l layout) build(t testing.TB, dir string) {
	t.Helper()
	old := time.Unix(1_000_000_000, 0)
	all := l.full()
	for _, p := range slices.Sorted(maps.Keys(all)) {
		if err := buildEntry(dir, filepath.Join(dir, p), all[p], old); err != nil {
			t.Fatalf("build %s: %v", p, err)
		}
	}
}

func buildEntry(dir, at, entry string, mtime time.Time) error {
	kind, rest, _ := strings.Cut(entry, " ")
	switch kind {
	case "link":
		return os.Symlink(rest, at)
	case "hard":
		return os.Link(filepath.Join(dir, rest), at)
	}
	bits, text, _ := strings.Cut(rest, " ")
	mode, err := strconv.ParseUint(bits, 8, 32)
	if err != nil {
		return err
	}
	if kind == "dir" {
		if err = os.Mkdir(at, 0o700); errors.Is(err, fs.ErrExist) { // mounted there
			err = nil
		}
	} else {
		err = os.WriteFile(at, []byte(text), 0o600)
	}
	if err == nil {
		err = unix.Chmod(at, uint32(mode))
	}
	if err == nil {
		err = os.Chtimes(at, mtime, mtime)
	}
	return err
}

// look reads the tree below dir, without the state folder, and without outer folders, which lookAtState looks for.
func look(dir string) (layout, map[string]inode, error) {
	l, inodes := layout{}, map[string]inode{}
	first := map[[2]uint64]string{} // by device and number
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel := p[len(dir)+1:]
		if rel == ".txcommit" || journal.IsOuter(d.Name()) {
			return fs.SkipDir
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		inodes[rel] = inode{st.Ino, st.Mtim.Nano()}
		id := [2]uint64{st.Dev, st.Ino}
		if before, ok := first[id]; ok && !d.IsDir() {
			l[rel] = "hard " + before
			return nil
		}
		first[id] = rel
		l[rel], err = entryOf(p, st.Mode)
		return err
	})
	return l, inodes, err
}

func entryOf(path string, mode uint32) (string, error) {
	bits := mode & 0o7777
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return fmt.Sprintf("dir %04o", bits), nil
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return "link " + target, err
	case unix.S_IFREG:
		b, err := os.ReadFile(path)
		return fmt.Sprintf("file %04o %s", bits, b), err
	}
	return fmt.Sprintf("special %o", mode), nil
}

// differences lists where got is not want, one line a path.
func (l layout) differences(want layout) []string {
	paths := map[string]bool{}
	for p := range l {
		paths[p] = true
	}
	for p := range want {
		paths[p] = true
	}
	var out []string
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if l[p] != want[p] {
			out = append(out, fmt.Sprintf("%s: got %q, want %q", p, l[p], want[p]))
		}
	}
	return out
}

// within says that nothing is in l that is not just so in all.
func (l layout) within(all layout) bool {
	for p, e := range l {
		if all[p] != e {
			return false
		}
	}
	return true
}

// stateNames are all the names that a store at rest may have in its state folder.
var stateNames = []string{
	".gitignore", "displaced", "format", "history", "holder", "journal.db", "lock", "stage", "trash", "turnstile", "view.lock",
}

// lookAtState lists what is in the state folder of a root and should not be there at rest, and all names in it.
func lookAtState(root string) (litter, names []string, err error) {
	dir := filepath.Join(root, ".txcommit")
	err = filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if p == dir && os.IsNotExist(err) {
			return fs.SkipAll
		}
		if err != nil || p == dir {
			return err
		}
		rel := p[len(dir)+1:]
		names = append(names, rel)
		if filepath.Dir(rel) == "history" { // see checkHistory
			return fs.SkipDir
		}
		if !slices.Contains(stateNames, rel) {
			litter = append(litter, rel)
		}
		return nil
	})
	return append(litter, outers(root)...), names, err
}

// outers lists the outer folders in a tree.
func outers(root string) (found []string) {
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && journal.IsOuter(d.Name()) {
			found = append(found, p)
		}
		return nil
	})
	return found
}
