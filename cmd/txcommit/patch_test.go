package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// FuzzPatch: whatever a patch is, it makes ops below the prefix, or an error that is the patch's, or a conflict.
func FuzzPatch(f *testing.F) {
	scripts, err := filepath.Glob("testdata/script/apply_patch*.txtar")
	if err != nil || len(scripts) == 0 {
		f.Fatalf("no scripts with patches: %v", err)
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n-- ") {
			if _, diff, ok := strings.Cut(part, "--\n"); ok {
				f.Add(diff+"\n", 1)
				f.Add(diff+"\n", 0)
			}
		}
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("one\ntwo\nthree\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = root.Close() })
	f.Fuzz(func(t *testing.T, text string, strip int) {
		if strip < 0 || len(text) > 1<<16 {
			return
		}
		files, err := parsePatch(text, strip%4)
		if err != nil {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Fatalf("parsePatch: %v, want an error of the input", err)
			}
			return
		}
		p := &patch{root: root}
		if err := p.apply(files); err != nil {
			_, op := errors.AsType[*txn.Error](err)
			if !op {
				t.Fatalf("apply: %v, want an error about one path", err)
			}
		}
	})
}

// TestStripped takes folders off names.
func TestStripped(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		want string
		ok   bool
	}{{"a/b/c", 0, "a/b/c", true}, {"a/b/c", 2, "c", true}, {"a/b/c", 3, "", false}, {"", 3, "", true}, {"c", 1, "", false}} {
		if got, err := stripped(tt.name, tt.n); got != tt.want && tt.ok || (err == nil) != tt.ok {
			t.Errorf("stripped(%q, %d) = %q, %v; want %q, %v", tt.name, tt.n, got, err, tt.want, tt.ok)
		}
	}
}
