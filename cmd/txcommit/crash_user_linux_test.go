package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// use does to the tree what a user may do after an acknowledgement: it writes into each file and changes its mode,
// changes the mode of each folder, renames new folders, and makes a file where something was removed. From then on the
// tree is to stay so.
func (s *stand) use(t testing.TB) {
	t.Helper()
	paths := slices.Sorted(maps.Keys(s.want))
	slices.Reverse(paths) // what is in a folder before it
	for _, p := range paths {
		if err := s.usePath(filepath.Join(s.root(), p), s.want[p], s.start[p] == ""); err != nil {
			t.Fatal(err)
		}
	}
	for p := range s.start {
		if s.want[p] == "" && !strings.Contains(p, "/") {
			if err := os.WriteFile(filepath.Join(s.root(), p), []byte("user's"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	now, inodes, err := look(s.root())
	if err != nil {
		t.Fatal(err)
	}
	s.start, s.want, s.inodes = now, now, inodes
	w := *s.workload
	if w.source, _, err = look(s.src()); err != nil {
		t.Fatal(err)
	}
	w.left = nil
	s.workload = &w
}

func (s *stand) usePath(at, entry string, isNew bool) error {
	kind, _, _ := strings.Cut(entry, " ")
	switch kind {
	case "file":
		if err := os.Chmod(at, 0o611); err != nil {
			return err
		}
		f, err := os.OpenFile(at, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(" and more")
		return err
	case "dir":
		if err := unix.Chmod(at, 0o751); err != nil || !isNew {
			return err
		}
		return os.Rename(at, at+".user")
	}
	return nil
}
