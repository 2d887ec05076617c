//go:build unix

package txn_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makeTree makes the model's tree in a folder that is there. Files with one node become hard links.
func makeTree(t fatal, dir string, n *modelNode, made map[*modelNode]string) {
	for name, k := range n.kids {
		p := filepath.Join(dir, name)
		switch {
		case k.kind == 'd':
			must(t, os.Mkdir(p, 0o700))
			makeTree(t, p, k, made)
		case k.kind == 'l':
			must(t, os.Symlink(k.content, p))
			continue
		case made[k] != "":
			must(t, os.Link(made[k], p))
			continue
		default:
			must(t, os.WriteFile(p, []byte(k.content), 0o600))
			made[k] = p
		}
		must(t, syscall.Chmod(p, k.mode))
	}
}

// readTree reads a folder into a model; names of one file get one node.
func readTree(t fatal, dir string, seen map[uint64]*modelNode) *modelNode {
	n := modelFolder(0o755)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		if e.Name() == ".txcommit" {
			continue
		}
		ino, mode := inodeOf(t, p)
		switch e.Type() {
		case fs.ModeDir:
			k := readTree(t, p, seen)
			k.mode = mode
			n.kids[e.Name()] = k
		case fs.ModeSymlink:
			target, err := os.Readlink(p)
			must(t, err)
			n.kids[e.Name()] = &modelNode{kind: 'l', content: target}
		default:
			if seen[ino] == nil {
				b, err := os.ReadFile(p)
				must(t, err)
				seen[ino] = &modelNode{kind: 'f', mode: mode, content: string(b)}
			}
			n.kids[e.Name()] = seen[ino]
		}
	}
	return n
}

// stamps lists inode, size and mtime of each file and link below a root.
func stamps(t fatal, root string) map[string]string {
	out := map[string]string{}
	must(t, filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if e != nil && e.Name() == ".txcommit" && e.IsDir() {
			return fs.SkipDir
		}
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		out[rel] = stamp(t, p)
		return nil
	}))
	return out
}

// stamp describes what shows that a file was not touched.
func stamp(t fatal, path string) string {
	t.Helper()
	i, err := os.Lstat(path)
	must(t, err)
	ino, _ := inodeOf(t, path)
	return fmt.Sprintf("inode %d size %d mtime %s", ino, i.Size(), i.ModTime().Format("15:04:05.000000000"))
}

// inodeOf returns the inode number and the permission bits of what is at a path, in the Unix layout.
func inodeOf(t fatal, path string) (ino uint64, mode uint32) {
	t.Helper()
	var st syscall.Stat_t
	must(t, syscall.Lstat(path, &st))
	return st.Ino ^ uint64(st.Dev)<<40, uint32(st.Mode) & 0o7777 // two file systems have the same numbers
}

// plant makes what is listed below a folder: "path=content", "path/=0755" for a folder with a mode, "path->target",
// "path|" for a FIFO. Parents are made.
func plant(t fatal, dir string, entries ...string) {
	t.Helper()
	for _, e := range entries {
		path, what, link := strings.Cut(e, "->")
		if !link {
			path, what, _ = strings.Cut(e, "=")
		}
		p := filepath.Join(dir, path)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		switch {
		case link:
			must(t, os.Symlink(what, p))
		case strings.HasSuffix(path, "|"):
			must(t, syscall.Mkfifo(strings.TrimSuffix(p, "|"), 0o644))
		case strings.HasSuffix(path, "/"):
			var mode uint32 = 0o755
			if what != "" {
				_, err := fmt.Sscanf(what, "%o", &mode)
				must(t, err)
			}
			must(t, os.MkdirAll(p, 0o755))
			must(t, syscall.Chmod(p, mode))
		default:
			must(t, os.WriteFile(p, []byte(what), 0o644))
		}
	}
}

// wholeTree describes everything below a folder but what a store keeps for itself, one line an entry by path: kind, mode,
// owner, content, and for all but folders inode and time.
func wholeTree(t fatal, dir string) map[string]string {
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == ".txcommit" && filepath.Base(filepath.Dir(p)) == "root" {
			return fs.SkipDir
		}
		rel, _ := filepath.Rel(dir, p)
		out[rel] = describe(t, p, e)
		return nil
	}))
	return out
}

func describe(t fatal, p string, e fs.DirEntry) string {
	var st syscall.Stat_t
	must(t, syscall.Lstat(p, &st))
	line := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
	if e.IsDir() {
		return line
	}
	line += " " + stamp(t, p)
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(p)
		must(t, err)
		line += " -> " + target
	case e.Type().IsRegular():
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrPermission) {
			return line // somebody else's
		}
		must(t, err)
		if len(b) > 200 {
			b = fmt.Appendf(nil, "sha256 %x", sha256.Sum256(b))
		}
		line += fmt.Sprintf(" %q", b)
	}
	return line
}

func compareTrees(t *testing.T, before, after map[string]string) {
	t.Helper()
	for p := range after {
		if _, ok := before[p]; !ok {
			t.Errorf("%s is new: %s", p, after[p])
		}
	}
	for p, b := range before {
		if after[p] != b {
			t.Errorf("%s changed:\n got %q\nwant %q", p, after[p], b)
		}
	}
}

// checkLitter makes sure that nothing is left of a transaction that failed: no state folder where there was none, no
// staged files where there was one.
func checkLitter(t *testing.T, root string, stored bool) {
	t.Helper()
	state := filepath.Join(root, ".txcommit")
	if i, err := os.Lstat(state); err == nil && !stored && i.IsDir() {
		if i, err := os.ReadDir(state); err != nil || len(i) > 0 {
			t.Errorf("a state folder was made: %v %v", i, err)
		}
	}
	if !stored {
		return
	}
	for _, sub := range []string{"stage", "trash", "displaced"} {
		left, err := os.ReadDir(filepath.Join(state, sub))
		// What was swapped out is deleted while the process goes on.
		for end := time.Now().Add(time.Minute); sub == "trash" && len(left) > 0 && time.Now().Before(end); runtime.Gosched() {
			left, err = os.ReadDir(filepath.Join(state, sub))
		}
		if err != nil || len(left) > 0 {
			t.Errorf(".txcommit/%s: got %v, %v; want it empty", sub, left, err)
		}
	}
}
