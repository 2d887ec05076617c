//go:build unix

package txn_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn/manifest"
)

// TestGoSource publishes a real tree, the Go source tree, with one tree op: fresh, unchanged, changed, pruned. Each time
// it is compared with its source file by file, modes and links included, and what did not change keeps inode and time.
func TestGoSource(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	from := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	if testing.Short() {
		from = filepath.Join(from, "cmd/go/internal")
	}
	dir := memoryDir(t)
	src, root := filepath.Join(dir, "src"), filepath.Join(dir, "root")
	must(t, os.CopyFS(src, os.DirFS(from)))
	plant(t, src, "links/up->../README", "links/dangling->nowhere", "links/deep/folder->..", "empty/one/two/", "modes/x=1", "modes/d/=0700", "modes/t/=01777")
	must(t, os.Chmod(filepath.Join(src, "modes/x"), fs.ModeSetuid|0o751))
	plant(t, root, "other/file=mine")
	st := open(t, root, nil)
	files := len(stamps(t, src))

	publish := func(what string, prune bool, created, changed, removed int) map[string]string {
		t.Helper()
		res, err := commitOps(st, []manifest.Op{{Kind: manifest.Tree, Path: "pub/src", Source: src, Prune: prune}})
		must(t, err)
		t.Logf("%s: %d files in %v", what, files, res.Duration.Round(time.Millisecond))
		got := fmt.Sprintf("created %d, changed %d, removed %d, unchanged %d", res.Created, res.Changed, res.Removed, res.Unchanged)
		want := fmt.Sprintf("created %d, changed %d, removed %d, unchanged %d", created, changed, removed, files-created-changed)
		if got != want {
			t.Errorf("%s: got %s; want %s", what, got, want)
		}
		return stamps(t, filepath.Join(root, "pub/src"))
	}
	fresh := publish("fresh", false, files, 0, 0)
	sameAsSource(t, src, filepath.Join(root, "pub/src"), nil)
	again := publish("unchanged", false, 0, 0, 0)
	sameStamps(t, fresh, again, nil)

	edited := editSource(t, src)
	files = len(stamps(t, src))
	changed := publish("changed", false, 2, 4, 0)
	sameStamps(t, again, changed, edited)
	sameAsSource(t, src, filepath.Join(root, "pub/src"), map[string]bool{edited[0]: true})

	pruned := publish("pruned", true, 0, 0, 1)
	sameStamps(t, changed, pruned, edited)
	sameAsSource(t, src, filepath.Join(root, "pub/src"), nil)
	res, err := commitOps(st, []manifest.Op{with(treeOp("pub/src", src), prune)})
	must(t, err)
	if res.ID != "" || !res.Committed {
		t.Errorf("pruned again: got transaction %q, committed %v; want nothing to do", res.ID, res.Committed)
	}
	checkLitter(t, root, true)
	if b, err := os.ReadFile(filepath.Join(root, "other/file")); string(b) != "mine" {
		t.Errorf("the file beside: %q, %v", b, err)
	}
}

// editSource removes a file, edits two, changes a mode and a link, and adds two files. It returns their paths, that of
// the removed one first.
func editSource(t *testing.T, src string) []string {
	var some []string
	must(t, filepath.WalkDir(src, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && filepath.Ext(p) == ".go" && len(some) < 400 {
			rel, _ := filepath.Rel(src, p)
			some = append(some, rel)
		}
		return err
	}))
	gone, longer, same, mode := some[0], some[len(some)/3], some[len(some)/2], some[len(some)-1]
	must(t, os.Remove(filepath.Join(src, gone)))
	f, err := os.OpenFile(filepath.Join(src, longer), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("// one more line\n")
	must(t, err)
	must(t, f.Close())
	i, err := os.Stat(filepath.Join(src, same))
	must(t, err)
	f, err = os.OpenFile(filepath.Join(src, same), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("%"), i.Size()/2) // the size stays, and so does the time
	must(t, err)
	must(t, f.Close())
	must(t, os.Chtimes(filepath.Join(src, same), i.ModTime(), i.ModTime()))
	must(t, os.Chmod(filepath.Join(src, mode), 0o600))
	must(t, os.Remove(filepath.Join(src, "links/up")))
	plant(t, src, "links/up->../README.md", "added/deep/new.go=package deep", "added/link->deep/new.go")
	return []string{gone, longer, same, "links/up", "added/deep/new.go", "added/link"}
}

// sameAsSource compares two trees: names, kinds, modes, contents, targets. extra may be in the target alone.
func sameAsSource(t *testing.T, src, dst string, extra map[string]bool) {
	t.Helper()
	got, want := bareTree(t, dst), bareTree(t, src)
	for p := range extra {
		delete(got, p)
	}
	compareTrees(t, want, got)
}

// bareTree describes a tree without inodes and times.
func bareTree(t *testing.T, dir string) map[string]string {
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		_, mode := inodeOf(t, p)
		line := fmt.Sprintf("%v %04o ", e.Type(), mode)
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			line, err = os.Readlink(p)
		case !e.IsDir():
			var b []byte
			b, err = os.ReadFile(p)
			line += string(b)
		}
		out[rel] = line
		return err
	}))
	return out
}

// sameStamps compares inode, size and time of all files but the ones named.
func sameStamps(t *testing.T, before, after map[string]string, but []string) {
	t.Helper()
	b, a := map[string]string{}, map[string]string{}
	for p, s := range before {
		b[p] = s
	}
	for p, s := range after {
		a[p] = s
	}
	for _, p := range but {
		delete(b, p)
		delete(a, p)
	}
	compareTrees(t, b, a)
}
