//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	tripPaths    = []string{"a", "b", "c d", "sub/a", "sub/\"ü\"", "new/deep/x"}
	tripContents = []string{"", "one\n", "one", "one\ntwo\nthree\n", "one\n2\nthree", "\n\n--- a\n+++ b\n@@ -1 +1 @@\n", "-- x\n", strings.Repeat("x\n", 40), strings.Repeat("x\n", 20) + "y\n" + strings.Repeat("x\n", 20)}
	tripModes    = []string{"0644", "0755", "0600", "0640"}
)

// TestPlanIsAPatch plans random manifests on random trees with --diff, and gives the output to apply --patch on a copy: the
// copy gets the files, links and modes that apply makes of the original.
func TestPlanIsAPatch(t *testing.T) {
	base := t.TempDir()
	n, compared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		defer os.RemoveAll(dir)
		if tripRun(t, dir) {
			compared++
		}
	})
	if t.Logf("%d manifests, %d of them compared", n, compared); compared < n/8 {
		t.Errorf("only %d of %d manifests have something to compare", compared, n)
	}
}

func tripRun(t *rapid.T, dir string) bool {
	roots := []string{filepath.Join(dir, "1"), filepath.Join(dir, "2")}
	for _, p := range tripPaths[:5] {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		content := rapid.SampledFrom(tripContents).Draw(t, "content")
		mode := rapid.SampledFrom([]fs.FileMode{0o644, 0o755, 0o600}).Draw(t, "mode")
		for _, root := range roots {
			at := filepath.Join(root, p)
			err := os.MkdirAll(filepath.Dir(at), 0o755)
			switch {
			case err != nil:
			case kind == 0:
				err = os.Symlink("elsewhere", at)
			case kind < 4:
				if err = os.WriteFile(at, []byte(content), 0o600); err == nil {
					err = os.Chmod(at, mode)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var ops []map[string]any
	for i := range rapid.IntRange(1, 4).Draw(t, "ops") {
		ops = append(ops, tripOp(t, fmt.Sprint("op ", i)))
	}
	text, err := json.Marshal(map[string]any{"version": 1, "ops": ops})
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) (int, string) {
		a, stdout, stderr := newTestApp("text")
		a.stdin = strings.NewReader(stdin)
		code := a.execute(context.Background(), append(args, "--history", "0", "--durability", "process"))
		return code, stdout.String() + stderr.String()
	}
	links := rapid.SampledFrom([]string{"follow", "replace"}).Draw(t, "links")
	plan := func() (int, string) {
		a, stdout, _ := newTestApp("text")
		a.stdin = strings.NewReader(string(text))
		return a.execute(context.Background(), []string{"plan", "-", "--diff", "-C", roots[0], "--symlinks", links}), stdout.String()
	}
	code, diff := plan()
	if code != exitOK || !strings.Contains(diff, "diff --git") {
		return false
	}
	if code, out := run(string(text), "apply", "-", "-C", roots[0], "--symlinks", links); code != exitOK {
		t.Fatalf("apply: exit code %d: %s\n%s", code, out, text)
	}
	if code, out := run(diff, "apply", "--patch", "-", "-C", roots[1]); code != exitOK {
		t.Fatalf("apply --patch: exit code %d: %s\nof\n%s\nof %s", code, out, diff, text)
	}
	if got, want := tripTree(t, roots[1]), tripTree(t, roots[0]); !slices.Equal(got, want) {
		t.Fatalf("got:\n%s\nwant:\n%s\nby %s\nof %s", strings.Join(got, "\n"), strings.Join(want, "\n"), diff, text)
	}
	return true
}

func tripOp(t *rapid.T, label string) map[string]any {
	path := rapid.SampledFrom(tripPaths)
	switch rapid.IntRange(0, 6).Draw(t, label) {
	case 0:
		return map[string]any{"op": "remove", "path": path.Draw(t, "path"), "recursive": true, "missing": "ok"}
	case 1:
		return map[string]any{"op": "rename", "from": path.Draw(t, "from"), "to": path.Draw(t, "to")}
	case 2:
		return map[string]any{"op": "chmod", "path": path.Draw(t, "path"), "mode": rapid.SampledFrom(tripModes).Draw(t, "mode")}
	case 3:
		return map[string]any{"op": "symlink", "path": path.Draw(t, "path"), "target": rapid.SampledFrom([]string{"x", "y/z"}).Draw(t, "target")}
	}
	o := map[string]any{"op": "write", "path": path.Draw(t, "path"), "content": rapid.SampledFrom(tripContents).Draw(t, "new")}
	if rapid.Bool().Draw(t, "moded") {
		o["mode"] = rapid.SampledFrom(tripModes).Draw(t, "mode")
	}
	return o
}

// tripTree lists the files and links below a root: path, mode, content.
func tripTree(t *rapid.T, root string) []string {
	var out []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if e != nil && e.Name() == ".txcommit" {
				return fs.SkipDir
			}
			return err
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		var content []byte
		if i.Mode()&fs.ModeSymlink != 0 {
			target, lerr := os.Readlink(p)
			content, err = []byte(target), lerr
		} else {
			content, err = os.ReadFile(p)
		}
		rel, _ := filepath.Rel(root, p)
		out = append(out, fmt.Sprintf("%s %s %q", rel, i.Mode(), content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
