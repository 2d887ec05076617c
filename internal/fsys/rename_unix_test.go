//go:build unix

package fsys

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// noReplace are the ways to rename without replacing.
var noReplace = map[string]func(d *Dir, name string, to *Dir, toName string) error{
	"RenameNoReplace": (*Dir).RenameNoReplace,
	"renameSlowly":    (*Dir).renameSlowly,
}

// A rename that must not replace moves files, links and folders, and refuses over anything: also a dangling link.
func TestRenameNoReplace(t *testing.T) {
	for name, rename := range noReplace {
		for _, kind := range []string{"file", "folder", "link", "dangling"} {
			for _, target := range []string{"", "file", "folder", "dangling"} {
				t.Run(name+" "+kind+" over "+target, func(t *testing.T) {
					d, path := tempDir(t)
					must(t, d.Mkdir("to", 0o755))
					to, err := d.Sub("to")
					must(t, err)
					defer to.Close()
					place(t, filepath.Join(path, "from"), kind)
					place(t, filepath.Join(path, "to/name"), target)
					from, there := stat(t, d, "from"), stat(t, to, "name")
					err = rename(d, "from", to, "name")
					if target == "" {
						if err != nil || stat(t, d, "from").Exists() || stat(t, to, "name").ID != from.ID {
							t.Errorf("err = %v, from %+v, to %+v; want it moved", err, stat(t, d, "from"), stat(t, to, "name"))
						}
						return
					}
					if err != syscall.EEXIST {
						t.Errorf("err = %v, want EEXIST", err)
					}
					if stat(t, d, "from").ID != from.ID || stat(t, to, "name").ID != there.ID {
						t.Error("something was renamed all the same")
					}
				})
			}
		}
		t.Run(name+" missing", func(t *testing.T) {
			d, _ := tempDir(t)
			if err := rename(d, "none", d, "name"); !errors.Is(err, syscall.ENOENT) {
				t.Errorf("err = %v, want ENOENT", err)
			}
		})
	}
}

func place(t *testing.T, path, kind string) {
	t.Helper()
	switch kind {
	case "file":
		write(t, path, "content")
	case "folder":
		must(t, os.Mkdir(path, 0o755))
	case "link":
		must(t, os.Symlink("to", path))
	case "dangling":
		must(t, os.Symlink("nowhere", path))
	}
}

// Of many that rename to one free name exactly one succeeds, and no file is lost.
func TestRenameNoReplaceRace(t *testing.T) {
	for name, rename := range noReplace {
		t.Run(name, func(t *testing.T) {
			d, path := tempDir(t)
			const n = 16
			for i := range n {
				write(t, filepath.Join(path, string(rune('a'+i))), "x")
			}
			errs := make([]error, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { errs[i] = rename(d, string(rune('a'+i)), d, "name") })
			}
			wg.Wait()
			won := 0
			for i, err := range errs {
				left := stat(t, d, string(rune('a'+i))).Exists()
				if err == nil {
					won++
				}
				if left != (err != nil) {
					t.Errorf("renamer %d: %v, and its file is left: %v", i, err, left)
				}
			}
			if won != 1 || !stat(t, d, "name").Exists() {
				t.Errorf("%d renamers won, want 1", won)
			}
		})
	}
}

// An exchange swaps any two kinds; both names must exist.
func TestExchange(t *testing.T) {
	for _, a := range []string{"file", "folder", "link", "dangling"} {
		for _, b := range []string{"file", "folder", "dangling", ""} {
			t.Run(a+" with "+b, func(t *testing.T) {
				d, path := tempDir(t)
				must(t, d.Mkdir("to", 0o755))
				to, err := d.Sub("to")
				must(t, err)
				defer to.Close()
				place(t, filepath.Join(path, "a"), a)
				place(t, filepath.Join(path, "to/b"), b)
				ia, ib := stat(t, d, "a"), stat(t, to, "b")
				err = d.Exchange("a", to, "b")
				if errors.Is(err, ErrUnsupported) {
					needs(t, "a file system that exchanges names: %v", err)
				}
				if b == "" {
					if err != syscall.ENOENT || stat(t, d, "a").ID != ia.ID || stat(t, to, "b").Exists() {
						t.Errorf("err = %v, want ENOENT and nothing changed", err)
					}
					return
				}
				if err != nil || stat(t, d, "a").ID != ib.ID || stat(t, to, "b").ID != ia.ID {
					t.Errorf("err = %v; the names are not swapped", err)
				}
			})
		}
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
