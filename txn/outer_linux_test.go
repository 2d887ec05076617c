package txn_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// elsewhere makes root/m a part of the tree to which nothing can be renamed from the root: for each kind a root, which may
// be on a file system of its own, and m in it.
var elsewhere = map[string]func(t *testing.T) (root string){
	"tmpfs": withDisk,
	"ext4": func(t *testing.T) string {
		root := planted(t, memoryDir(t))
		loop(t, root+"/m", 16, "mkfs.ext4", "-q", "-F")
		return root
	},
	"bind mount": func(t *testing.T) string {
		dir := memoryDir(t)
		root := planted(t, dir)
		must(t, os.Mkdir(dir+"/behind", 0o755))
		mountAt(t, dir+"/behind", root+"/m", "", unix.MS_BIND, "")
		return root
	},
	"two mounts": func(t *testing.T) string { // and neither is where the stage folder is
		root := withDisk(t)
		must(t, os.Mkdir(root+"/m/inner", 0o755))
		mountAt(t, "tmpfs", root+"/m/inner", "tmpfs", 0, "size=8m,mode=755")
		return root
	},
	"overlay": func(t *testing.T) string {
		dir := t.TempDir()
		root := planted(t, dir)
		for _, d := range []string{"lower", "upper", "work"} {
			must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
		}
		mountAt(t, "overlay", root+"/m", "overlay", 0, "lowerdir="+dir+"/lower,upperdir="+dir+"/upper,workdir="+dir+"/work")
		return root
	},
	"btrfs subvolume": func(t *testing.T) string {
		dir := memoryDir(t)
		loop(t, dir+"/disk", 128, "mkfs.btrfs", "-q")
		root := planted(t, dir+"/disk")
		must(t, os.Remove(root+"/m"))
		command(t, "btrfs", "-q", "subvolume", "create", root+"/m")
		return root
	},
	"xfs project": func(t *testing.T) string {
		dir := t.TempDir()
		loop(t, dir+"/disk", 320, "mkfs.xfs", "-q")
		root := planted(t, dir+"/disk")
		command(t, "chattr", "-p", "42", "+P", root+"/m")
		return root
	},
	"in an xfs project": func(t *testing.T) string { // the root is in one, and m in none
		dir := t.TempDir()
		loop(t, dir+"/disk", 320, "mkfs.xfs", "-q")
		root := planted(t, dir+"/disk")
		command(t, "chattr", "-p", "42", "+P", root)
		return root
	},
}

func planted(t *testing.T, dir string) string {
	t.Helper()
	must(t, os.MkdirAll(dir+"/root/m", 0o755))
	return dir + "/root"
}

// withDisk is a root with another file system at m.
func withDisk(t *testing.T) (root string) {
	t.Helper()
	root = planted(t, memoryDir(t))
	mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, "size=8m,mode=755")
	return root
}

func mountAt(t *testing.T, source, at, kind string, flags uintptr, options string) {
	t.Helper()
	if err := unix.Mount(source, at, kind, flags, options); err != nil {
		missing(t, "the right to mount %s: %v", kind, err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
}

// loop makes a file system in a file and mounts it.
func loop(t *testing.T, at string, megabytes int64, mkfs ...string) {
	t.Helper()
	needRoot(t)
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, megabytes<<20))
	must(t, os.MkdirAll(at, 0o755))
	command(t, append(mkfs, image)...)
	command(t, "mount", "-o", "loop", image, at)
	t.Cleanup(func() { command(t, "umount", "-l", at) })
}

func command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		missing(t, "%q to work: %v: %s", args, err, out)
	}
}

// outerFolders lists what outer folders there are below a root.
func outerFolders(t *testing.T, root string) (found []string) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == journal.StateFolder {
			return fs.SkipDir
		}
		if err == nil && journal.IsOuter(d.Name()) {
			found = append(found, p)
		}
		return err
	}))
	return found
}

// TestElsewhere has ops of every kind in a part of the tree to which nothing can be renamed from the root, beside one in the
// root: they are committed as one, leave no litter, and what they do is what they do anywhere. It is not kept for undo, and
// says so; what is renamed to there, or moved by two paths, is refused as before.
func TestElsewhere(t *testing.T) {
	for kind, prepare := range elsewhere {
		for _, level := range []txn.Durability{txn.Sync, txn.Process} {
			t.Run(fmt.Sprint(kind, " ", level), func(t *testing.T) {
				needRoot(t)
				root := prepare(t)
				testElsewhere(t, root, &txn.Options{Durability: level, History: 3})
			})
		}
	}
}

func testElsewhere(t *testing.T, root string, o *txn.Options) {
	source := t.TempDir()
	plant(t, source, "same=same", "made=made", "sub/in=in", "l->same")
	plant(t, root, "home=old", "m/a=old", "m/gone=gone", "m/full/f=f", "m/l->a", "m/from=from", "m/dir/f=f", "m/dir/g/h=h", "m/run=run",
		"m/t/same=same", "m/t/old=old", "m/t/sub=a file")
	must(t, os.Chmod(root+"/m/a", 0o640))
	st := open(t, root, o)
	_, err := commitOps(st, ops(w("home", "older")))
	must(t, err)
	res, err := commitOps(st, ops(
		w("home", "new"), expecting(w("m/a", "new"), present), w("m/fresh/deep/f", "deep"), rm("m/gone"), rmAll("m/full"), manifest.Op{Kind: manifest.Symlink, Path: "m/l", Target: "run"},
		mv("m/from", "m/to"), mv("m/dir", "m/moved"), chmod("m/run", 0o711), mkdir("m/empty"), w("m/moved2/x", "x"),
		manifest.Op{Kind: manifest.Tree, Path: "m/t", Source: source, Prune: true},
	))
	must(t, err)
	if !res.NotKept || res.Kept != 0 || len(res.Displaced) > 0 {
		t.Errorf("result %+v; want that it is not kept", res)
	}
	if kept, err := st.History(context.Background()); err != nil || len(kept) > 0 {
		t.Errorf("history: %v, %v; want it to end", kept, err)
	}
	want := map[string]string{
		".": "d", "home": "new", "m": "d", "m/a": "new", "m/fresh": "d", "m/fresh/deep": "d", "m/fresh/deep/f": "deep", "m/l": "run",
		"m/to": "from", "m/moved": "d", "m/moved/f": "f", "m/moved/g": "d", "m/moved/g/h": "h", "m/run": "run", "m/empty": "d",
		"m/moved2": "d", "m/moved2/x": "x", "m/t": "d", "m/t/same": "same", "m/t/made": "made", "m/t/sub": "d", "m/t/sub/in": "in", "m/t/l": "same",
	}
	got := contents(t, root)
	for _, p := range []string{"m/lost+found", "m/inner"} {
		delete(got, p)
	}
	compareTrees(t, want, got)
	for p, mode := range map[string]os.FileMode{"m/a": 0o640, "m/run": 0o711} {
		if i, err := os.Lstat(filepath.Join(root, p)); err != nil || i.Mode() != mode {
			t.Errorf("%s: mode %v, %v; want %v", p, i.Mode(), err, mode)
		}
	}
	checkLitter(t, root, true)
	if left := outerFolders(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if res, err := commitOps(st, ops(w("home", "kept again"))); err != nil || res.NotKept {
		t.Errorf("the next one: %+v, %v", res, err)
	}
	_, err = commitOps(st, ops(w("home", "and a mode"), chmod("m", 0o711))) // of what is mounted there, maybe
	must(t, err)
	if i, err := os.Lstat(root + "/m"); err != nil || i.Mode() != fs.ModeDir|0o711 {
		t.Errorf("m: mode %v, %v", i.Mode(), err)
	}
	refusedElsewhere(t, st, root)
}

// refusedElsewhere has what fails before and after the commit point; each leaves the tree as it was.
func refusedElsewhere(t *testing.T, st *txn.Store, root string) {
	before := contents(t, root)
	for _, tt := range []struct {
		ops  []manifest.Op
		is   error
		says string
	}{
		{ops(w("home", "1"), expecting(w("m/a", "1"), absent)), txn.ErrConflict, "m/a: expected to be absent"},
		{ops(w("home", "1"), w("m/a", "1"), rm("m/t")), syscall.ENOTEMPTY, "m/t"},
		{ops(w("m/a", "1"), w("m/.txcommit-019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f-0/x", "1")), nil, "is a private folder of a transaction"},
	} {
		if _, err := commitOps(st, tt.ops); err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", describeOps(tt.ops), err, tt.says)
		}
	}
	compareTrees(t, before, contents(t, root))
	checkLitter(t, root, true)
	if left := outerFolders(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestProjectsStay writes new and old files and folders in folders of other projects, none among them: they belong there.
func TestProjectsStay(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	loop(t, dir+"/disk", 320, "mkfs.xfs", "-q")
	root := dir + "/disk/root"
	plant(t, root, "p/before=old", "q/", "f=old")
	command(t, "chattr", "-p", "42", "+P", root+"/p")
	command(t, "chattr", "-p", "43", "+P", root+"/q")
	plant(t, root, "p/old=old", "q/old=old")
	_, err := commitOps(open(t, root, nil), ops(w("f", "1"), w("p/new", "1"), w("p/old", "1"), mkdir("p/d"), w("q/new/deep", "1"), w("q/old", "1")))
	must(t, err)
	for p, project := range map[string]string{"f": "0", "p/new": "42", "p/old": "42", "p/d": "42", "q/new": "43", "q/new/deep": "43", "q/old": "43"} {
		out, err := exec.Command("lsattr", "-dp", filepath.Join(root, p)).CombinedOutput()
		if fields := strings.Fields(string(out)); err != nil || len(fields) < 2 || fields[0] != project {
			t.Errorf("%s: %s %v, want project %s", p, out, err, project)
		}
	}
	for _, o := range [][]manifest.Op{ops(mv("p/new", "q/n")), ops(mv("f", "p/f")), ops(mv("p/d", "q/d"))} {
		if _, err := commitOps(open(t, root, nil), o); !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "different file systems, mounts, subvolumes or projects") {
			t.Errorf("%s: %v, want EXDEV", describeOps(o), err)
		}
	}
	for _, o := range [][]manifest.Op{ops(w("p/before", "new")), ops(rm("p/before")), ops(mv("p/before", "p/after"))} {
		if _, err := commitOps(open(t, root, nil), o); !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "it has project 0 and its directory project 42") {
			t.Errorf("%s: %v, want EXDEV", describeOps(o), err)
		}
	}
	if _, err := commitOps(open(t, root, nil), ops(mv("p/new", "out"))); err != nil { // a folder without a project takes all
		t.Errorf("out of a project: %v", err)
	}
	if left := outerFolders(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestSnapshots renames a file over its likeness in a snapshot, which has the same inode number and birth time on another
// device: it is refused. Taken for two names of one file, the first would be removed.
func TestSnapshots(t *testing.T) {
	needRoot(t)
	dir := memoryDir(t)
	loop(t, dir+"/disk", 128, "mkfs.btrfs", "-q")
	command(t, "btrfs", "-q", "subvolume", "create", dir+"/disk/root")
	command(t, "btrfs", "-q", "subvolume", "create", dir+"/disk/root/a")
	root := dir + "/disk/root"
	plant(t, root, "a/f=old")
	command(t, "btrfs", "-q", "subvolume", "snapshot", root+"/a", root+"/b")
	must(t, os.WriteFile(root+"/a/f", []byte("new"), 0o600))
	st := open(t, root, nil)
	if _, err := commitOps(st, ops(mvOver("a/f", "b/f"))); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("rename: %v, want EXDEV", err)
	}
	_, err := commitOps(st, ops(w("a/f", "a"), w("b/f", "b")))
	must(t, err)
	if got := contents(t, root); got["a/f"] != "a" || got["b/f"] != "b" {
		t.Errorf("got %q", got)
	}
}

// TestElsewhereReadOnly has a mount for reading only below the root.
func TestElsewhereReadOnly(t *testing.T) {
	needRoot(t)
	root := planted(t, memoryDir(t))
	plant(t, root, "f=old")
	mountAt(t, "tmpfs", root+"/m", "tmpfs", unix.MS_RDONLY, "size=1m")
	if _, err := commitOps(open(t, root, nil), ops(w("f", "new"), w("m/f", "1"))); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
	if got := contents(t, root)["f"]; got != "old" {
		t.Errorf("f is %q", got)
	}
}
