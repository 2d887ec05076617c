//go:build unix

package txn_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestTree covers the tree op with each of its keys; TestGoSource and TestModel have the rest.
func TestTree(t *testing.T) {
	src := []string{"f=new", "d/x=1", "d/l->../f", "empty/"}
	full := []string{"pub/ 0755", "pub/d/ 0755", "pub/d/l -> ../f", `pub/d/x 0644 "1"`, "pub/empty/ 0755", `pub/f 0644 "new"`}
	plus := func(more ...string) []string { return append(append([]string{}, full...), more...) }
	tree := treeOp("pub", "src")
	do(t, []deed{
		{name: "fresh", source: src, ops: ops(tree), want: full, counts: "3 0 0 0", plan: "+pub +pub/d +pub/d/l +pub/d/x +pub/empty +pub/f"},
		{
			name: "unchanged", source: src, tree: []string{"pub/f=new", "pub/d/x=1", "pub/d/l->../f", "pub/empty/"}, ops: ops(with(tree, prune)), want: full,
			kept: []string{"pub/f", "pub/d/x", "pub/d/l"}, counts: "0 0 0 3", plan: "=pub =pub/d =pub/d/l =pub/d/x =pub/empty =pub/f",
		},
		{
			name: "changed", source: src, tree: []string{"pub/f=old", "pub/d/x=1", "pub/d/l->elsewhere", "pub/mine=2"}, ops: ops(tree), want: plus(`pub/mine 0644 "2"`),
			kept: []string{"pub/d/x", "pub/mine"}, counts: "0 2 0 1",
		},
		{
			name: "into the root", source: src, tree: []string{"f=old", "mine=2"}, ops: ops(treeOp(".", "src")),
			want: []string{"d/ 0755", "d/l -> ../f", `d/x 0644 "1"`, "empty/ 0755", `f 0644 "new"`, `mine 0644 "2"`}, counts: "2 1 0 0",
		},
		{
			name: "into the root with prune", source: src, tree: []string{"f=old", "mine/too=2"}, ops: ops(with(treeOp(".", "src"), prune)),
			want: []string{"d/ 0755", "d/l -> ../f", `d/x 0644 "1"`, "empty/ 0755", `f 0644 "new"`}, counts: "2 1 1 0", plan: "+d +d/l +d/x +empty ~f -mine -mine/too",
		},
		{
			name: "prune", source: src, tree: []string{"pub/old/a/b=1", "pub/stale=2", "pub/link->f", "beside=3"}, ops: ops(with(tree, prune)), want: plus(`beside 0644 "3"`),
			kept: []string{"beside"}, counts: "3 0 3 0",
		},
		{name: "prune without source entries", tree: []string{"pub/a=1", "pub/b/c=2"}, ops: ops(with(tree, prune)), want: []string{"pub/ 0755"}, counts: "0 0 2 0"},
		{
			name: "exclude what is not copied", source: []string{"a.js=1", "a.js.map=2", "d/b.map=3", "d/keep=4", "node_modules/x/y=5"}, ops: ops(with(tree, excluding("**/*.map", "node_modules"))),
			want: []string{"pub/ 0755", `pub/a.js 0644 "1"`, "pub/d/ 0755", `pub/d/keep 0644 "4"`}, counts: "2 0 0 0",
		},
		{
			name: "exclude what is not pruned", source: []string{"a=1"}, tree: []string{"pub/keep/me=2", "pub/gone/x=3", "pub/some/a.log=4", "pub/some/b.txt=5"}, ops: ops(with(tree, prune, excluding("keep", "**/*.log"))),
			want: []string{"pub/ 0755", `pub/a 0644 "1"`, "pub/keep/ 0755", `pub/keep/me 0644 "2"`, "pub/some/ 0755", `pub/some/a.log 0644 "4"`}, kept: []string{"pub/keep/me", "pub/some/a.log"}, counts: "1 0 2 0",
		},
		{
			name: "exclude by braces and classes", source: []string{"a1=1", "b2=2", "c3=3", "d/e/f=4"}, ops: ops(with(tree, excluding("{a,b}[0-9]", "d/**/f"))),
			want: []string{"pub/ 0755", `pub/c3 0644 "3"`, "pub/d/ 0755", "pub/d/e/ 0755"}, counts: "1 0 0 0",
		},
		{name: "excluded special files", source: []string{"a=1", "p|"}, ops: ops(with(tree, excluding("p"))), want: []string{"pub/ 0755", `pub/a 0644 "1"`}, counts: "1 0 0 0"},
		{
			name: "modes", source: []string{"d/=0700", "d/x=1", "t/=01777", "s/=02755"}, tree: []string{"pub/d/=0755", "pub/d/x=1"}, ops: ops(tree),
			want: []string{"pub/ 0755", "pub/d/ 0700", `pub/d/x 0644 "1"`, "pub/s/ 2755", "pub/t/ 1777"}, kept: []string{"pub/d/x"}, counts: "0 0 0 1",
		},
		{name: "file becomes folder", source: src, tree: []string{"pub/d=file"}, ops: ops(with(tree, prune)), want: full, counts: "3 0 0 0"},
		{name: "folder becomes file", source: src, tree: []string{"pub/f/x=1", "pub/f/y=2"}, ops: ops(with(tree, prune)), want: full, counts: "2 1 2 0"},
		{name: "folder becomes link", source: src, tree: []string{"pub/d/l/x=1"}, ops: ops(with(tree, prune)), want: full, counts: "2 1 1 0"},
		{name: "link to a folder becomes folder", source: src, tree: []string{"pub/d->../else", "else/x=mine"}, ops: ops(with(tree, prune)), want: plus("else/ 0755", `else/x 0644 "mine"`), counts: "3 0 0 0"},
		{name: "link becomes file", source: src, tree: []string{"pub/f->../mine", "mine=2"}, ops: ops(with(tree, prune)), want: plus(`mine 0644 "2"`), kept: []string{"mine"}, counts: "2 1 0 0"},
		{
			name: "through a link to the folder", source: src, tree: []string{"real/f=old", "pub->real"}, ops: ops(tree),
			want: []string{"pub -> real", "real/ 0755", "real/d/ 0755", "real/d/l -> ../f", `real/d/x 0644 "1"`, "real/empty/ 0755", `real/f 0644 "new"`}, counts: "2 1 0 0",
		},
		{name: "from inside the root", tree: []string{"build/f=new"}, ops: ops(treeOp("pub", "root/build")), want: []string{"build/ 0755", `build/f 0644 "new"`, "pub/ 0755", `pub/f 0644 "new"`}, kept: []string{"build/f"}, counts: "1 0 0 0"},
		{
			name: "a store in the source is not copied", source: []string{"a=1", ".txcommit/format={}", "sub/.txcommit/lock=", "sub/b=2"}, ops: ops(tree),
			want: []string{"pub/ 0755", `pub/a 0644 "1"`, "pub/sub/ 0755", `pub/sub/b 0644 "2"`}, counts: "2 0 0 0",
		},
		{name: "two trees", source: []string{"a=1"}, ops: ops(treeOp("x", "src"), treeOp("y/z", "src")), want: []string{"x/ 0755", `x/a 0644 "1"`, "y/ 0755", "y/z/ 0755", `y/z/a 0644 "1"`}, counts: "2 0 0 0"},
		{
			name: "a tree and ops beside and in it", source: []string{"a=1"}, tree: []string{"pub/old=2"}, ops: ops(tree, w("pub/more", "3"), rm("pub/old"), w("beside", "4")),
			want: []string{`beside 0644 "4"`, "pub/ 0755", `pub/a 0644 "1"`, `pub/more 0644 "3"`}, counts: "3 0 1 0",
		},
		{name: "rename out of a pruned tree", source: []string{"a=1"}, tree: []string{"pub/old=2"}, ops: ops(with(tree, prune), mv("pub/old", "kept")), want: []string{`kept 0644 "2"`, "pub/ 0755", `pub/a 0644 "1"`}, counts: "1 1 0 0"},
		{name: "an excluded part is another op's", source: []string{"a=1"}, ops: ops(with(tree, prune, excluding("VERSION")), w("pub/VERSION", "2")), want: []string{"pub/ 0755", `pub/VERSION 0644 "2"`, `pub/a 0644 "1"`}, counts: "2 0 0 0"},
	})
}

// TestNestedStores keeps stores below a target: they are neither pruned, replaced, renamed nor written into.
func TestNestedStores(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "src/a=1", "root/pub/sub/x=1", "root/pub/gone=2", "root/pub/deep/er/y=3", "root/pub/deep/gone=4")
	for _, p := range []string{"root/pub/sub", "root/pub/deep/er"} {
		_, err := commitOps(open(t, p, nil), ops(w("inner", "store")))
		must(t, err)
	}
	st := open(t, "root", nil)
	_, err := commitOps(st, ops(with(treeOp("pub", "src"), prune)))
	must(t, err)
	got := bareTree(t, "root/pub")
	for _, p := range []string{"sub/x", "sub/inner", "sub/.txcommit/format", "deep/er/y", "deep/er/.txcommit/journal.db", "a"} {
		if got[p] == "" {
			t.Errorf("%s is gone", p)
		}
	}
	for _, p := range []string{"gone", "deep/gone"} {
		if got[p] != "" {
			t.Errorf("%s is still there", p)
		}
	}
	plant(t, dir, "src2/sub=file", "src3/sub/x=other")
	for _, o := range []manifest.Op{
		with(treeOp("pub", "src2"), prune), with(treeOp("pub", "src3"), prune), treeOp("pub", "src3"),
		mv("pub/sub", "moved"), mv("pub", "moved"), rmAll("pub/deep"), chmod("pub/sub", 0o700),
	} {
		checkRefusedHere(t, st, o)
	}
}

func checkRefusedHere(t *testing.T, st *txn.Store, o manifest.Op) {
	t.Helper()
	before := wholeTree(t, ".")
	if _, err := commitOps(st, ops(o)); err == nil {
		t.Errorf("%s: no error", describeOp(o))
	}
	compareTrees(t, before, wholeTree(t, "."))
}

// TestTreeMove consumes the source after the commit, and only what was read of it: by a link where that is as good as a
// copy, and not at all when the commit fails.
func TestTreeMove(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "src/a=1", "src/d/b=2", "src/l->a", "src/empty/", "src/skip=3", "root/pub/a=old", "root/block/x=1")
	was := stamps(t, "src")
	st := open(t, "root", nil)
	move := with(treeOp("pub", "src"), func(o *manifest.Op) { o.Move = true }, excluding("skip"))
	if _, err := commitOps(st, ops(move, expecting(w("f", "x"), present))); err == nil {
		t.Fatal("no error")
	}
	sameStamps(t, was, stamps(t, "src"), nil)
	res, err := commitOps(st, ops(move))
	must(t, err)
	must(t, res.Cleanup)
	compareTrees(t, map[string]string{".": "d", "a": "1", "d": "d", "d/b": "2", "empty": "d", "l": "a"}, contents(t, "root/pub"))
	compareTrees(t, map[string]string{".": "d", "skip": "3"}, contents(t, "src"))
	if now := stamp(t, "root/pub/d/b"); now != was["d/b"] {
		t.Errorf("d/b was copied: %s, was %s", now, was["d/b"])
	}
	checkLitter(t, "root", true)

	// What is in place already is consumed too, and so is a source of a commit with nothing to do.
	plant(t, dir, "again/a=1", "again/d/b=2", "again/l->a", "again/empty/")
	res, err = commitOps(st, ops(with(treeOp("pub", "again"), func(o *manifest.Op) { o.Move = true })))
	must(t, err)
	if _, err := os.Lstat("again"); err == nil || res.ID != "" {
		t.Errorf("the source of a move with nothing to do: %v, transaction %q", err, res.ID)
	}
}

// contents describes a tree by kind and content alone.
func contents(t *testing.T, dir string) map[string]string {
	out := map[string]string{}
	readTree(t, dir, map[uint64]*modelNode{}).each("", func(p string, n *modelNode) {
		out[p] = n.content
		if n.kind == 'd' {
			out[p] = "d"
		}
	})
	out["."] = "d"
	return out
}

// TestTreeTimes keeps the source's times on request, and the time of the commit otherwise.
func TestTreeTimes(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "src/a=1", "src/d/b=2", "root/")
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	must(t, os.Chtimes("src/a", old, old))
	must(t, os.Chtimes("src/d/b", old, old))
	st := open(t, "root", nil)
	_, err := commitOps(st, ops(with(treeOp("times", "src"), func(o *manifest.Op) { o.Times = true }), treeOp("now", "src")))
	must(t, err)
	for p, want := range map[string]bool{"times/a": true, "times/d/b": true, "now/a": false} {
		i, err := os.Stat(filepath.Join("root", p))
		must(t, err)
		if got := i.ModTime().Equal(old); got != want {
			t.Errorf("%s: got time %v; the source has %v", p, i.ModTime(), old)
		}
	}
}

// TestQuick changes a source's content but neither its size nor its time: only a quick sync takes it for unchanged. A
// mode is set all the same, and new content gets the source's time.
func TestQuick(t *testing.T) {
	dir := t.TempDir()
	root, src := filepath.Join(dir, "root"), filepath.Join(dir, "src")
	plant(t, dir, "root/", "src/f=one", "src/g=one")
	st := open(t, root, nil)
	sync := func(o txn.TreeOptions) *txn.Result {
		tx, err := st.Begin(t.Context())
		must(t, err)
		must(t, tx.SyncTree("pub", src, o))
		res, err := tx.Commit(t.Context())
		must(t, err)
		return res
	}
	sync(txn.TreeOptions{Quick: true})
	was, err := os.Stat(filepath.Join(src, "f"))
	must(t, err)
	if now, err := os.Stat(filepath.Join(root, "pub/f")); err != nil || !now.ModTime().Equal(was.ModTime()) {
		t.Errorf("pub/f has another time than its source: %v, %v", now, err)
	}
	must(t, os.WriteFile(filepath.Join(src, "f"), []byte("two"), 0o644))
	must(t, os.Chtimes(filepath.Join(src, "f"), was.ModTime(), was.ModTime()))
	must(t, os.Chmod(filepath.Join(src, "f"), 0o600))
	must(t, os.WriteFile(filepath.Join(src, "g"), []byte("two"), 0o644))
	if res := sync(txn.TreeOptions{Quick: true}); res.Changed != 2 {
		t.Errorf("a quick sync: changed %d, want the mode of f and the content of g", res.Changed)
	}
	compareTrees(t, map[string]string{".": "d", "pub": "d", "pub/f": "one", "pub/g": "two"}, contents(t, root))
	if res := sync(txn.TreeOptions{Quick: true, Move: true}); res.Changed != 1 {
		t.Errorf("a quick move, which must not lose what it removes: changed %d, want f", res.Changed)
	}
	plant(t, dir, "src/f=two", "src/g=two")
	must(t, os.Chmod(filepath.Join(src, "f"), 0o600))
	if res := sync(txn.TreeOptions{}); res.Changed != 0 {
		t.Errorf("a full sync: changed %d, want nothing", res.Changed)
	}
	compareTrees(t, map[string]string{".": "d", "pub": "d", "pub/f": "two", "pub/g": "two"}, contents(t, root))
}
