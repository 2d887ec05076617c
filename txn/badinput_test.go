//go:build unix

package txn_test

import (
	"crypto/sha256"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

func ops(o ...manifest.Op) []manifest.Op { return o }

// TestClashes gives ops that cannot be in one transaction. The error matches fs.ErrInvalid and names both ops, their
// kinds and their paths; field.md 13 (`foo` and `foo/bar` in one transaction) is among them.
func TestClashes(t *testing.T) {
	for _, r := range []refusal{
		{name: "write write", ops: ops(w("a", "1"), w("a", "2")), says: "a: op 0 (write) and op 1 (write) both end on this path"},
		{name: "write write said differently", ops: ops(w("a", "1"), w("./a", "2")), says: "a: op 0 (write) and op 1 (write) both end on this path"},
		{name: "write remove", tree: []string{"a=1"}, ops: ops(w("a", "1"), rm("a")), says: "a: op 0 (write) and op 1 (remove) both end on this path"},
		{name: "remove write", tree: []string{"a=1"}, ops: ops(rm("a"), w("a", "1")), says: "a: op 0 (remove) and op 1 (write) both end on this path"},
		{name: "remove remove", tree: []string{"a=1"}, ops: ops(rm("a"), rm("a")), says: "op 0 (remove) and op 1 (remove)"},
		{name: "write mkdir", ops: ops(w("a", "1"), mkdir("a")), says: "op 0 (write) and op 1 (mkdir)"},
		{name: "symlink tree", ops: ops(ln("a", "x"), treeOp("a", "src")), says: "op 0 (symlink) and op 1 (tree)"},
		{name: "chmod write", tree: []string{"a=1"}, ops: ops(chmod("a", 0o600), w("a", "2")), says: "op 0 (chmod) and op 1 (write)"},
		{name: "rename chmod", tree: []string{"a=1"}, ops: ops(mv("a", "b"), chmod("a", 0o600)), says: "op 0 (rename) and op 1 (chmod)"},
		{name: "rename twice from", tree: []string{"a=1"}, ops: ops(mv("a", "b"), mv("a", "c")), says: "op 0 (rename) and op 1 (rename)"},
		{name: "rename twice to", tree: []string{"a=1", "b=2"}, ops: ops(mv("a", "c"), mv("b", "c")), says: "op 0 (rename) and op 1 (rename)"},
		{name: "rename and remove from", tree: []string{"a=1"}, ops: ops(mv("a", "b"), rm("a")), says: "op 0 (rename) and op 1 (remove)"},
		{name: "rename onto removed twice", tree: []string{"a=1", "b=2"}, ops: ops(rm("b"), mv("a", "b"), rm("b")), says: "op 1 (rename b) and op 2 (remove b) both end on b"},
		{name: "rename onto itself", tree: []string{"a=1"}, ops: ops(mv("a", "./a")), says: "a: a rename onto itself"},
		{name: "rename onto itself by links", tree: []string{"d/a=1", "l->d"}, ops: ops(mv("d/a", "l/a")), says: "a rename onto itself"},
		{name: "by a link", tree: []string{"a=1", "l->a"}, ops: ops(w("a", "1"), w("l", "2")), says: "op 0 (write a) and op 1 (write l) both end on a"},
		{name: "by linked parents", tree: []string{"d/=0755", "l->d"}, ops: ops(w("d/a", "1"), w("l/a", "2")), says: "op 0 (write d/a) and op 1 (write l/a) both end on d/a"},
		{
			name: "file and parent", ops: ops(w("foo", "1"), w("foo/bar", "2")),
			says: "foo/bar: op 0 (write foo) and op 1 (write foo/bar) cannot go together: a file cannot be the parent of a path",
		},
		{name: "parent and file", ops: ops(w("foo/bar", "2"), w("foo", "1")), says: "foo: op 0 (write foo/bar) and op 1 (write foo) cannot go together"},
		{name: "link and parent", ops: ops(ln("foo", "x"), w("foo/bar", "2")), says: "op 0 (symlink foo) and op 1 (write foo/bar) cannot go together"},
		{name: "deep file and parent", ops: ops(w("foo/bar/x/y", "2"), w("foo/bar", "1")), says: "op 0 (write foo/bar/x) and op 1 (write foo/bar) cannot go together"},
		{name: "file there and below", tree: []string{"foo=1"}, ops: ops(w("foo", "1"), w("foo/bar", "2")), says: "foo/bar: op 0 (write foo) and op 1 (write foo/bar) cannot go together: a file cannot be the parent of a path"},
		{
			name: "below removed", tree: []string{"d/a=1"}, ops: ops(rmAll("d"), w("d/b", "2")),
			says: "op 0 (remove d) and op 1 (write d/b) cannot go together: one is below what the other removes, renames or replaces",
		},
		{name: "removed below removed", tree: []string{"d/a=1"}, ops: ops(rm("d/a"), rmAll("d")), says: "op 0 (remove d/a) and op 1 (remove d) cannot go together"},
		{name: "renamed out of removed", tree: []string{"d/a=1"}, ops: ops(rmAll("d"), mv("d/a", "a")), says: "op 0 (remove d) and op 1 (rename d/a) cannot go together"},
		{name: "below renamed", tree: []string{"d/a=1"}, ops: ops(w("d/b", "2"), mv("d", "e")), says: "op 0 (write d/b) and op 1 (rename d) cannot go together"},
		{name: "below renamed to", tree: []string{"d/a=1"}, ops: ops(w("e/b", "2"), mv("d", "e")), says: "op 0 (write e/b) and op 1 (rename e) cannot go together"},
		{
			name: "below replaced", tree: []string{"x/file/f=1"}, ops: ops(with(treeOp("x", "src"), prune), chmod("x/file/f", 0o600)),
			says: "op 0 (tree x/file) and op 1 (chmod x/file/f) cannot go together",
		},
		{name: "prune and write", tree: []string{"d/f=1"}, ops: ops(with(treeOp("d", "src"), prune), w("d/f", "2")), says: "op 0 (tree d/f) and op 1 (write d/f) both end on d/f"},
		{
			name: "prune and write of something new", ops: ops(with(treeOp("d", "src"), prune), w("d/new", "2")),
			says: "op 0 (tree d) and op 1 (write d/new) cannot go together: one is below what the other prunes; exclude it there",
		},
		{name: "prune of the root and write", ops: ops(w("new", "2"), with(treeOp(".", "src"), prune)), says: "op 0 (write new) and op 1 (tree .) cannot go together"},
		{name: "tree below a pruned one", ops: ops(with(treeOp("d", "src"), prune), treeOp("d/e", "src/sub")), says: "op 0 (tree d) and op 1 (tree d/e) cannot go together"},
		{name: "tree and write", ops: ops(treeOp("d", "src"), w("d/file", "2")), says: "op 0 (tree d/file) and op 1 (write d/file) both end on d/file"},
		{name: "into itself", tree: []string{"d/a=1"}, ops: ops(mv("d", "d/e")), says: "d: a directory cannot be renamed into itself (d/e)"},
		{name: "circle of two", tree: []string{"d/a=1", "e/b=2"}, ops: ops(mv("d", "e"), mv("e", "d")), says: "directories cannot be renamed in a circle; use two transactions"},
		{name: "circle of three", tree: []string{"d/a=1", "e/b=2", "f/c=3"}, ops: ops(mv("d", "e"), mv("e", "f"), mv("f", "d")), says: "directories cannot be renamed in a circle"},
		{name: "bad glob", ops: ops(with(treeOp("d", "src"), func(o *manifest.Op) { o.Exclude = []string{"[a"} })), says: `d: exclude "[a" is not a valid glob`},
	} {
		r.is = fs.ErrInvalid
		refuse(t, r)
	}
}

func prune(o *manifest.Op) { o.Prune = true }

// TestRefused gives each op something in the tree or in its source that it cannot do. The error carries the path as the
// user has said it, and the system's errno where it was the system.
func TestRefused(t *testing.T) {
	for _, r := range []refusal{
		{name: "write onto a folder", tree: []string{"d/a=1"}, ops: ops(w("d", "x")), is: syscall.EISDIR, says: "write d: is a directory"},
		{name: "write below a file", tree: []string{"f=1"}, ops: ops(w("f/x", "x")), is: syscall.ENOTDIR, says: "write f/x: f: not a directory"},
		{name: "write onto a FIFO", tree: []string{"p|"}, ops: ops(w("p", "x")), says: "p: is a special file (FIFO, socket or device), which a write does not replace"},
		{name: "write through a link onto a FIFO", tree: []string{"p|", "l->p"}, ops: ops(w("l", "x")), says: "l: is a special file"},
		{name: "write without source", ops: ops(writeFrom("f", "nothing")), is: fs.ErrNotExist, says: "open nothing: no such file or directory"},
		{name: "write from a folder", ops: ops(writeFrom("f", "src")), says: "f: source src is a directory, not a regular file"},
		{name: "write from a FIFO", tree: []string{"p|"}, ops: ops(writeFrom("f", "root/p")), says: "f: source root/p is a special file, not a regular file"},
		{name: "write without parents", ops: ops(with(w("d/f", "x"), requireParents)), is: fs.ErrNotExist, says: "write d/f: parent directory d is missing"},
		{name: "digest of content", ops: ops(with(w("f", "x"), digestOf("y"))), says: "f: the new content has sha256 2d71"},
		{name: "digest of a source", ops: ops(with(writeFrom("f", "src/file"), digestOf("y"))), says: "f: the new content has sha256 11507a0e"},
		{name: "digest of what is there", tree: []string{"f=x"}, ops: ops(with(w("f", "x"), digestOf("y"))), says: "f: the new content has sha256 2d71"},
		{name: "not JSON", ops: ops(with(w("f", `{"a": }`), asJSON)), says: "f: the new content is not valid JSON"},
		{name: "JSON cut off", ops: ops(with(w("f", `{"a": 1`), asJSON)), says: "f: the new content is not valid JSON"},
		{name: "two JSON values", ops: ops(with(w("f", `{} {}`), asJSON)), says: "f: the new content is not valid JSON: there is more after the value"},
		{name: "JSON with equal keys", ops: ops(with(w("f", `{"a":1,"a":2}`), asJSON)), says: "f: the new content is not valid JSON"},
		{name: "JSON after a byte order mark", ops: ops(with(w("f", "\ufeff{}"), asJSON)), says: "f: the new content is not valid JSON: it begins with a byte order mark"},
		{name: "empty JSON", ops: ops(with(w("f", ""), asJSON)), says: "f: the new content is not valid JSON"},
		{name: "remove nothing", ops: ops(rm("f")), is: fs.ErrNotExist, says: "remove f: no such file or directory"},
		{name: "remove a full folder", tree: []string{"d/a=1"}, ops: ops(rm("d")), is: syscall.ENOTEMPTY, says: "remove d: directory not empty"},
		{name: "remove a full folder for a rename", tree: []string{"d/a=1", "f=1"}, ops: ops(rm("d"), mv("f", "d")), is: syscall.ENOTEMPTY, says: "remove d: directory not empty"},
		{name: "rename nothing", ops: ops(mv("f", "g")), is: fs.ErrNotExist, says: "rename f: no such file or directory"},
		{name: "rename onto a file", tree: []string{"f=1", "g=2"}, ops: ops(mv("f", "g")), is: fs.ErrExist, says: `rename g: only a rename with "replace": true replaces a file: file exists`},
		{name: "rename onto a folder", tree: []string{"f=1", "g/a=2"}, ops: ops(mvOver("f", "g")), is: fs.ErrExist, says: "rename g: file exists"},
		{name: "rename a folder onto a file", tree: []string{"d/a=1", "g=2"}, ops: ops(mvOver("d", "g")), is: fs.ErrExist, says: "rename g: file exists"},
		{name: "rename a folder onto an empty one", tree: []string{"d/a=1", "g/=0755"}, ops: ops(mvOver("d", "g")), is: fs.ErrExist},
		{name: "rename without parents", tree: []string{"f=1"}, ops: ops(with(mv("f", "d/g"), requireParents)), is: fs.ErrNotExist, says: "rename d/g: parent directory d is missing"},
		{name: "rename below a file", tree: []string{"f=1", "g=2"}, ops: ops(mv("f", "g/h")), is: syscall.ENOTDIR, says: "rename g/h: g: not a directory"},
		{name: "mkdir onto a file", tree: []string{"f=1"}, ops: ops(mkdir("f")), is: fs.ErrExist, says: "mkdir f: file exists"},
		{name: "mkdir without parents", ops: ops(with(mkdir("d/e"), requireParents)), is: fs.ErrNotExist, says: "mkdir d/e: parent directory d is missing"},
		{name: "symlink onto a folder", tree: []string{"d/=0755"}, ops: ops(ln("d", "x")), is: syscall.EISDIR, says: "symlink d: is a directory"},
		{name: "symlink onto a FIFO", tree: []string{"p|"}, ops: ops(ln("p", "x")), says: "p: is a special file (FIFO, socket or device), which a symlink does not replace"},
		{name: "symlink to nothing", ops: ops(ln("l", "")), says: "l: "},
		{name: "symlink with a NUL", ops: ops(ln("l", "a\x00b")), says: "l: "},
		{name: "symlink to a long path", ops: ops(ln("l", strings.Repeat("x", 4096))), says: "l: "},
		{name: "chmod nothing", ops: ops(chmod("f", 0o600)), is: fs.ErrNotExist, says: "chmod f: no such file or directory"},
		{name: "tree without source", ops: ops(treeOp("d", "nothing")), is: fs.ErrNotExist, says: "open nothing: no such file or directory"},
		{name: "tree from a file", ops: ops(treeOp("d", "src/file")), is: syscall.ENOTDIR, says: "open src/file: not a directory"},
		{name: "tree with a FIFO", tree: []string{"s/p|"}, ops: ops(treeOp("d", "root/s")), says: "d: source root/s/p is a special file (FIFO, socket or device); exclude it"},
		{name: "tree onto a file", tree: []string{"d=1"}, ops: ops(treeOp("d", "src")), is: syscall.ENOTDIR, says: "d: the source has a directory here, the tree a file; use prune to replace it"},
		{name: "tree onto a FIFO", tree: []string{"d/file|"}, ops: ops(with(treeOp("d", "src"), prune)), says: "d/file: is a special file (FIFO, socket or device)"},
		{name: "tree file onto a folder", tree: []string{"d/file/x=1"}, ops: ops(treeOp("d", "src")), is: syscall.EISDIR, says: "d/file: the source has a file here; use prune to replace the directory"},
		{name: "tree file onto a link", tree: []string{"d/file->x"}, ops: ops(treeOp("d", "src")), is: fs.ErrExist, says: "d/file: the source has a file here, the tree a symbolic link; use prune to replace it"},
		{
			name: "tree file onto a folder with what stays", tree: []string{"d/file/keep=1"},
			ops: ops(with(treeOp("d", "src"), prune, excluding("**/keep"))), says: "d/file: the directory in the way holds an excluded file or another store, which is not pruned",
		},
		{name: "tree onto its source", tree: []string{"s/f=1"}, ops: ops(treeOp("s", "root/s")), says: "s: source and target overlap"},
		{name: "tree into its source", tree: []string{"s/d/f=1"}, ops: ops(treeOp("s/d", "root/s")), says: "s/d: source and target overlap"},
		{name: "tree of its root", tree: []string{"s/f=1"}, ops: ops(treeOp("s", "root")), says: "overlap"},
		{name: "prune of its source", tree: []string{"d/s/f=1"}, ops: ops(with(treeOp("d", "root/d/s"), prune)), says: "d: d/s is the source itself, which prune would remove"},
	} {
		refuse(t, r)
	}
}

func requireParents(o *manifest.Op) { o.RequireParents = true }
func asJSON(o *manifest.Op)         { o.Format = "json" }

func digestOf(s string) func(*manifest.Op) {
	sum := sha256.Sum256([]byte(s))
	return func(o *manifest.Op) { o.SHA256 = &sum }
}

func excluding(globs ...string) func(*manifest.Op) {
	return func(o *manifest.Op) { o.Exclude = globs }
}

// TestConflicts checks every kind of condition on every op that takes one: ErrConflict, and the tree byte for byte as
// before.
func TestConflicts(t *testing.T) {
	old := []string{"f=old", "g=else", "d/a=1", "l->f"}
	for _, r := range []refusal{
		{name: "write absent", ops: ops(expecting(w("f", "new"), absent)), says: "f: expected to be absent, but it is a file"},
		{name: "write present", ops: ops(expecting(w("new", "new"), present)), says: "new: expected to be present, but it is missing"},
		{name: "write digest", ops: ops(expecting(w("f", "new"), digest("other"))), says: "f: expected content with sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, but it has cba06b57"},
		{name: "write digest of nothing", ops: ops(expecting(w("new", "new"), digest("other"))), says: "new: expected a file with a given content, but it is missing"},
		{name: "unchanged write", ops: ops(expecting(w("f", "old"), digest("other"))), says: "f: expected content"},
		{name: "write through a link", ops: ops(expecting(w("l", "new"), digest("other"))), says: "l: expected content"},
		{name: "remove absent", ops: ops(expecting(with(rm("f"), missingOK), absent)), says: "f: expected to be absent, but it is a file"},
		{name: "remove digest", ops: ops(expecting(rm("f"), digest("other"))), says: "f: expected content"},
		{name: "remove present", ops: ops(expecting(with(rm("new"), missingOK), present)), says: "new: expected to be present"},
		{name: "remove a folder by digest", ops: ops(expecting(rmAll("d"), digest("other"))), says: "d: expected a file with a given content, but it is a directory"},
		{name: "rename digest", ops: ops(expecting(mv("f", "h"), digest("other"))), says: "f: expected content"},
		{name: "symlink absent", ops: ops(expecting(ln("l", "g"), absent)), says: "l: expected to be absent, but it is a symbolic link"},
		{name: "symlink by digest", ops: ops(expecting(ln("l", "g"), digest("old"))), says: "l: expected a file with a given content, but it is a symbolic link"},
		{name: "chmod digest", ops: ops(expecting(chmod("f", 0o600), digest("other"))), says: "f: expected content"},
		{name: "chmod absent", ops: ops(expecting(chmod("f", 0o600), absent)), says: "f: expected to be absent"},
		{name: "one of many", ops: ops(w("g", "new"), mkdir("e"), mv("d", "d2"), expecting(w("f", "new"), absent)), says: "f: expected to be absent"},
	} {
		r.is, r.tree = txn.ErrConflict, old
		refuse(t, r)
	}
}

func missingOK(o *manifest.Op) { o.MissingOK = true }
