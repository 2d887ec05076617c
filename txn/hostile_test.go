//go:build unix

package txn_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// refusal is an op that must be refused: with which words, matching which error, and with nothing changed.
type refusal struct {
	name    string
	tree    []string // what is there before; see plant
	options txn.Options
	ops     []manifest.Op
	is      error
	says    string
}

// opErr stands for "any error" in tables where the words say enough.
var opErr error

func w(path, content string) manifest.Op {
	return manifest.Op{Kind: manifest.Write, Path: path, Content: []byte(content)}
}
func rm(path string) manifest.Op { return manifest.Op{Kind: manifest.Remove, Path: path} }
func rmAll(path string) manifest.Op {
	return manifest.Op{Kind: manifest.Remove, Path: path, Recursive: true}
}
func rmAllOK(path string) manifest.Op { return with(rmAll(path), missingOK) }
func mv(from, to string) manifest.Op  { return manifest.Op{Kind: manifest.Rename, From: from, To: to} }

func mvOver(from, to string) manifest.Op {
	return manifest.Op{Kind: manifest.Rename, From: from, To: to, Replace: true}
}
func mkdir(path string) manifest.Op { return manifest.Op{Kind: manifest.Mkdir, Path: path} }
func ln(path, target string) manifest.Op {
	return manifest.Op{Kind: manifest.Symlink, Path: path, Target: target}
}

func chmod(path string, mode uint32) manifest.Op {
	return manifest.Op{Kind: manifest.Chmod, Path: path, Mode: manifest.ModeOf(mode)}
}

func treeOp(path, source string) manifest.Op {
	return manifest.Op{Kind: manifest.Tree, Path: path, Source: source}
}

func writeFrom(path, source string) manifest.Op {
	return manifest.Op{Kind: manifest.Write, Path: path, Source: source}
}

// with changes an op that the short forms above have made.
func with(o manifest.Op, changes ...func(*manifest.Op)) manifest.Op {
	for _, f := range changes {
		f(&o)
	}
	return o
}

func expecting(o manifest.Op, e manifest.Expect) manifest.Op { o.Expect = e; return o }

var (
	absent  = manifest.Expect{State: manifest.ExpectAbsent}
	present = manifest.Expect{State: manifest.ExpectPresent}
)

func digest(s string) manifest.Expect {
	return manifest.Expect{State: manifest.ExpectSHA256, SHA256: sha256.Sum256([]byte(s))}
}

// TestHostilePaths asks for what must never happen: a path out of the root, into the state folder or into another
// store. Each is refused whatever the tree holds, before anything is made.
func TestHostilePaths(t *testing.T) {
	long := strings.Repeat("n", 256)
	paths := []struct{ path, says string }{
		{"", "path is empty"},
		{".", "path is the root itself"},
		{"/etc/passwd", "path is absolute"},
		{"..", `path has a ".."`},
		{"../x", `path has a ".."`},
		{"a/../x", `path has a ".."`},
		{"a/..", `path has a ".."`},
		{"a\x00b", "path has a NUL byte"},
		{".txcommit", "is the state folder of a store"},
		{".txcommit/journal.db", "is the state folder of a store"},
		{"./.txcommit/lock", "is the state folder of a store"},
		{"a/.txcommit", "is the state folder of a store"},
		{"a/.txcommit/b", "is the state folder of a store"},
		{"a/" + long, "name has 256 bytes"},
		{strings.Repeat("long/", 820) + "x", "path has 4101 bytes"},
	}
	for _, p := range paths {
		for name, o := range map[string]manifest.Op{
			"write": w(p.path, "x"), "remove": rmAll(p.path), "from": mv(p.path, "free"), "to": mv("file", p.path),
			"mkdir": mkdir(p.path), "symlink": ln(p.path, "file"), "chmod": chmod(p.path, 0o600), "tree": treeOp(p.path, "."),
		} {
			if name == "tree" && p.path == "." {
				continue
			}
			refuse(t, refusal{
				name: name + " " + p.path[:min(len(p.path), 20)], tree: []string{"file=old", "a/b=old"},
				ops: []manifest.Op{w("other", "new"), o}, is: fs.ErrInvalid, says: p.says,
			})
		}
	}
}

// TestHostileLinks leads ops through links that leave the root or end in the state folder.
func TestHostileLinks(t *testing.T) {
	for _, r := range []refusal{
		{
			name: "parent up", tree: []string{"up->../outside"}, ops: []manifest.Op{w("up/x", "evil")}, is: txn.ErrEscapes,
			says: "up/x: path leads outside the root",
		},
		{
			name: "parent absolute", tree: []string{"abs->/tmp"}, ops: []manifest.Op{w("abs/x", "evil")}, is: txn.ErrEscapes,
			says: `abs/x: link abs to "/tmp": path leads outside the root`,
		},
		{
			name: "parent chained", tree: []string{"one->two", "two->sub/../../outside", "sub/f=1"}, ops: []manifest.Op{w("one/x", "evil")},
			is: txn.ErrEscapes, says: "one/x: path leads outside the root",
		},
		{
			name: "out and in again", tree: []string{"loop->../root/sub", "sub/f=1"}, ops: []manifest.Op{w("loop/x", "evil")}, is: txn.ErrEscapes,
			says: "loop/x: path leads outside the root",
		},
		{
			name: "file up", tree: []string{"up->../outside/sentinel"}, ops: []manifest.Op{w("up", "evil")}, is: txn.ErrEscapes,
			says: "up: path leads outside the root",
		},
		{
			name: "file absolute", tree: []string{"abs->/etc/hostname"}, ops: []manifest.Op{w("abs", "evil")}, is: txn.ErrEscapes,
			says: `abs: link abs to "/etc/hostname": path leads outside the root`,
		},
		{name: "chmod up", tree: []string{"up->../outside/sentinel"}, ops: []manifest.Op{chmod("up", 0o777)}, is: txn.ErrEscapes},
		{name: "mkdir up", tree: []string{"up->../outside"}, ops: []manifest.Op{mkdir("up/x")}, is: txn.ErrEscapes},
		{name: "tree up", tree: []string{"up->../outside"}, ops: []manifest.Op{treeOp("up", "src")}, is: txn.ErrEscapes},
		{name: "tree below up", tree: []string{"up->../outside"}, ops: []manifest.Op{treeOp("up/x", "src")}, is: txn.ErrEscapes},
		{name: "remove below up", tree: []string{"up->../outside"}, ops: []manifest.Op{rm("up/sentinel")}, is: txn.ErrEscapes},
		{name: "rename from up", tree: []string{"up->../outside"}, ops: []manifest.Op{mv("up/sentinel", "mine")}, is: txn.ErrEscapes},
		{
			name: "rename to up", tree: []string{"up->../outside", "f=1"}, ops: []manifest.Op{mv("f", "up/f")}, is: txn.ErrEscapes,
			says: "up/f: path leads outside the root",
		},
		{name: "symlink below up", tree: []string{"up->../outside"}, ops: []manifest.Op{ln("up/x", "y")}, is: txn.ErrEscapes},
		{
			name: "link to the state folder", tree: []string{"state->.txcommit"}, ops: []manifest.Op{w("state/x", "evil")}, is: opErr,
			says: "state/x: leads into the state folder, which no op may touch",
		},
		{
			name: "link into the state folder", tree: []string{"state->.txcommit/format"}, ops: []manifest.Op{w("state", "evil")}, is: opErr,
			says: "state: leads into the state folder, which no op may touch",
		},
		{
			name: "dangling", tree: []string{"l->nowhere"}, ops: []manifest.Op{w("l", "x")}, is: syscall.ENOENT,
			says: `l: dangling link to "nowhere": no such file`,
		},
		{name: "dangling parent", tree: []string{"l->nowhere"}, ops: []manifest.Op{w("l/x", "x")}, is: syscall.ENOENT},
		{name: "loop", tree: []string{"a->b", "b->a"}, ops: []manifest.Op{w("a", "x")}, is: syscall.ELOOP, says: "a: too many levels of symbolic links"},
		{name: "loop of parents", tree: []string{"a->b", "b->a/c"}, ops: []manifest.Op{w("a/x", "x")}, is: syscall.ELOOP},
		{
			name: "refused link", tree: []string{"l->f", "f=1"}, options: txn.Options{Symlinks: txn.RefuseSymlinks}, ops: []manifest.Op{w("l", "x")},
			is: opErr, says: "l: is a symbolic link, which --symlinks refuse does not allow",
		},
	} {
		refuse(t, r)
	}
}

// TestOtherStores has another store below the root, at sub or top/sub. No op touches it, nor moves it about.
func TestOtherStores(t *testing.T) {
	for _, r := range []refusal{
		{
			name: "another store", tree: []string{"sub/.txcommit/format={}", "sub/f=1"}, ops: []manifest.Op{w("sub/f", "2")}, is: opErr,
			says: "sub/f: sub is the root of another store; use txcommit with that root",
		},
		{
			name: "removing another store", tree: []string{"top/sub/.txcommit/format={}"}, ops: []manifest.Op{rmAll("top")}, is: opErr,
			says: "top: holds another store (sub/.txcommit)",
		},
		{
			name: "removing another store itself", tree: []string{"sub/.txcommit/format={}"}, ops: []manifest.Op{rmAll("sub")}, is: opErr,
			says: "sub: holds another store (.txcommit)",
		},
		{
			name: "renaming another store", tree: []string{"top/sub/.txcommit/format={}"}, ops: []manifest.Op{mv("top", "new")}, is: opErr,
			says: "top: holds another store (sub/.txcommit)",
		},
		{
			name: "renaming another store itself", tree: []string{"sub/.txcommit/format={}"}, ops: []manifest.Op{mv("sub", "new")}, is: opErr,
			says: "sub: holds another store (.txcommit)",
		},
		{
			name: "mode of another store", tree: []string{"sub/.txcommit/format={}"}, ops: []manifest.Op{chmod("sub", 0o700)}, is: opErr,
			says: "sub: sub is the root of another store",
		},
		{
			name: "mode of another store by mkdir", tree: []string{"sub/.txcommit/format={}"}, ops: []manifest.Op{moded(mkdir("sub"), 0o700)}, is: opErr,
			says: "sub: sub is the root of another store",
		},
		{
			name: "another store as a tree", tree: []string{"sub/.txcommit/format={}"}, ops: []manifest.Op{treeOp("sub", "src")}, is: opErr,
			says: "sub is the root of another store",
		},
		{
			name: "a tree over another store", tree: []string{"top/sub/.txcommit/format={}"}, ops: []manifest.Op{with(treeOp("top", "src"), prune)}, is: opErr,
			says: "sub is the root of another store",
		},
		{
			name: "a file of a tree over another store", tree: []string{"top/file/x/.txcommit/format={}"}, ops: []manifest.Op{with(treeOp("top", "src"), prune)}, is: opErr,
			says: "the directory in the way holds an excluded file or another store, which is not pruned",
		},
	} {
		refuse(t, r)
	}
}

// TestForeignStateFolder finds something at .txcommit that this package would not have made. Nothing may be written
// there, and nothing through it.
func TestForeignStateFolder(t *testing.T) {
	for _, r := range []refusal{
		{name: "link out", tree: []string{".txcommit->../outside"}, says: ".txcommit is a symbolic link; it must be a directory"},
		{name: "link in", tree: []string{".txcommit->sub", "sub/f=1"}, says: ".txcommit is a symbolic link; it must be a directory"},
		{name: "dangling link", tree: []string{".txcommit->nowhere"}, says: ".txcommit is a symbolic link; it must be a directory"},
		{name: "file", tree: []string{".txcommit=hello"}, says: ".txcommit is a file; it must be a directory"},
		{name: "open to all", tree: []string{".txcommit/=0777"}, is: fs.ErrPermission, says: ".txcommit can be written by others (mode 0777)"},
		{name: "open to the group", tree: []string{".txcommit/=0770"}, is: fs.ErrPermission, says: ".txcommit can be written by others (mode 0770)"},
	} {
		r.ops = []manifest.Op{w("file", "new")}
		refuse(t, r)
	}
}

// refuse commits ops that must be refused, in a new root and in one that is a store already, and compares everything
// in it and beside it.
func refuse(t *testing.T, r refusal) {
	t.Helper()
	for _, stored := range []bool{false, true} {
		if stored && strings.HasPrefix(strings.Join(r.tree, ""), ".txcommit") {
			continue
		}
		name := r.name
		if stored {
			name += " in a store"
		}
		t.Run(name, func(t *testing.T) { refuseIn(t, r, stored) })
	}
}

func refuseIn(t *testing.T, r refusal, stored bool) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "outside/sentinel=safe", "src/file=new", "src/sub/deep=new")
	must(t, os.Mkdir("root", 0o755))
	if stored {
		seed := open(t, "root", nil)
		_, err := commitOps(seed, []manifest.Op{w("seed", "seed")})
		must(t, err)
		must(t, seed.Close())
	}
	plant(t, "root", r.tree...)
	before := wholeTree(t, dir)
	err := tryOps(t, "root", r)
	if err == nil || r.is != nil && !errors.Is(err, r.is) || !strings.Contains(err.Error(), r.says) {
		t.Errorf("%s: got error %v, want one that is %v and says %q", describeOps(r.ops), err, r.is, r.says)
	}
	compareTrees(t, before, wholeTree(t, dir))
	checkLitter(t, filepath.Join(dir, "root"), stored)
}

func tryOps(t *testing.T, root string, r refusal) error {
	st, err := txn.Open(t.Context(), root, &r.options)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = commitOps(st, r.ops)
	return err
}
