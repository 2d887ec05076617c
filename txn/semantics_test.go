//go:build unix

package txn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// deed is a transaction with what it makes of a tree.
type deed struct {
	name    string
	tree    []string // see plant
	source  []string // what is in src
	options txn.Options
	ops     []manifest.Op
	want    []string // modelNode.lines of the tree after it
	kept    []string // paths whose inode and time must stay
	counts  string   // created, changed, removed, unchanged
	plan    string   // the lines of the plan, if given
}

// TestWrite covers write with each of its keys.
func TestWrite(t *testing.T) {
	do(t, []deed{
		{name: "new", ops: ops(w("f", "new")), want: []string{`f 0644 "new"`}, counts: "1 0 0 0", plan: "+f"},
		{name: "empty", ops: ops(w("f", "")), want: []string{`f 0644 ""`}, counts: "1 0 0 0"},
		{name: "new with parents", ops: ops(w("a/b/f", "new")), want: []string{`a/ 0755`, `a/b/ 0755`, `a/b/f 0644 "new"`}, counts: "1 0 0 0"},
		{name: "parents that are there", tree: []string{"a/=0700"}, ops: ops(with(w("a/f", "new"), requireParents)), want: []string{`a/ 0700`, `a/f 0644 "new"`}, counts: "1 0 0 0"},
		{name: "parents required, which mean the state before", ops: ops(mkdir("a"), with(w("a/f", "new"), requireParents)), want: nil, counts: "fails"},
		{name: "replaced keeps its mode", tree: []string{"f=old", "x/"}, ops: ops(chmod("f", 0o640)), want: []string{`f 0640 "old"`, "x/ 0755"}, kept: []string{"f"}, counts: "0 1 0 0", plan: "mf"},
		{name: "exact mode", ops: ops(moded(w("f", "new"), 0o4777)), want: []string{`f 4777 "new"`}, counts: "1 0 0 0"},
		{name: "mode without permissions", ops: ops(moded(w("f", "new"), 0)), want: []string{`f 0000 "new"`}, counts: "1 0 0 0"},
		{name: "replaced with a mode", tree: []string{"f=old"}, ops: ops(moded(w("f", "new"), 0o600)), want: []string{`f 0600 "new"`}, counts: "0 1 0 0", plan: "~f"},
		{name: "unchanged", tree: []string{"f=same", "g=old"}, ops: ops(w("f", "same"), w("g", "new")), want: []string{`f 0644 "same"`, `g 0644 "new"`}, kept: []string{"f"}, counts: "0 1 0 1", plan: "=f ~g"},
		{name: "unchanged but for the mode", tree: []string{"f=same"}, ops: ops(moded(w("f", "same"), 0o751)), want: []string{`f 0751 "same"`}, kept: []string{"f"}, counts: "0 1 0 0", plan: "mf"},
		{name: "unchanged with its mode", tree: []string{"f=same"}, ops: ops(moded(w("f", "same"), 0o644)), want: []string{`f 0644 "same"`}, kept: []string{"f"}, counts: "0 0 0 1", plan: "=f"},
		{name: "source", source: []string{"tool=binary"}, ops: ops(writeFrom("bin/tool", "src/tool")), want: []string{"bin/ 0755", `bin/tool 0644 "binary"`}, counts: "1 0 0 0"},
		{name: "source by a link", source: []string{"tool=binary", "l->tool"}, ops: ops(writeFrom("tool", "src/l")), want: []string{`tool 0644 "binary"`}, counts: "1 0 0 0"},
		{name: "source in the root, renamed away", tree: []string{"a=1"}, ops: ops(mv("a", "b"), writeFrom("c", "root/a")), want: []string{`b 0644 "1"`, `c 0644 "1"`}, kept: nil, counts: "1 1 0 0"},
		{name: "digest and JSON", ops: ops(with(w("f", `{"a": [1]}`), asJSON, digestOf(`{"a": [1]}`))), want: []string{`f 0644 "{\"a\": [1]}"`}, counts: "1 0 0 0"},
		{
			name: "expectations that hold", tree: []string{"f=old", "g=old"}, ops: ops(expecting(w("f", "new"), digest("old")), expecting(w("g", "new"), present), expecting(w("h", "new"), absent)),
			want: []string{`f 0644 "new"`, `g 0644 "new"`, `h 0644 "new"`}, counts: "1 2 0 0",
		},
		{name: "name of 255 bytes", ops: ops(w(strings.Repeat("n", 255)+"/"+strings.Repeat("m", 255), "x")), want: []string{
			strings.Repeat("n", 255) + "/ 0755", strings.Repeat("n", 255) + "/" + strings.Repeat("m", 255) + ` 0644 "x"`,
		}, counts: "1 0 0 0"},
		{
			name: "names that differ in case or normalisation", ops: ops(w("foo", "1"), w("FOO", "2"), w("\u00e9", "3"), w("e\u0301", "4")),
			want: []string{`FOO 0644 "2"`, `e` + "\u0301" + ` 0644 "4"`, `foo 0644 "1"`, "\u00e9" + ` 0644 "3"`}, counts: "4 0 0 0",
		},
		{name: "names of any bytes", ops: ops(w("a\nb", "1"), w("-rf", "2"), w("\xff\xfe", "3"), w(" ", "4"), w(`c:\x`, "5"), w(".txcommit-", "6"), w("..a", "7")), want: []string{
			` ` + ` 0644 "4"`, `-rf 0644 "2"`, `..a 0644 "7"`, `.txcommit- 0644 "6"`, "a\nb" + ` 0644 "1"`, `c:\x 0644 "5"`, "\xff\xfe" + ` 0644 "3"`,
		}, counts: "7 0 0 0"},
	})
}

func moded(o manifest.Op, mode uint32) manifest.Op { o.Mode = manifest.ModeOf(mode); return o }

// TestSymlinkPolicies covers writes, and ops that follow no link, on links of every kind (field.md 9).
func TestSymlinkPolicies(t *testing.T) {
	replace, refuse := txn.Options{Symlinks: txn.ReplaceSymlinks}, txn.Options{Symlinks: txn.RefuseSymlinks}
	do(t, []deed{
		{name: "relative", tree: []string{"d/f=old", "l->d/f"}, ops: ops(w("l", "new")), want: []string{"d/ 0755", `d/f 0644 "new"`, "l -> d/f"}, kept: []string{"l"}, counts: "0 1 0 0", plan: "~d/f"},
		{name: "relative from another folder", tree: []string{"d/f=old", "e/l->../d/f"}, ops: ops(w("e/l", "new")), want: []string{"d/ 0755", `d/f 0644 "new"`, "e/ 0755", "e/l -> ../d/f"}, counts: "0 1 0 0"},
		{name: "chain", tree: []string{"f=old", "a->b", "b->d/c", "d/c->../f"}, ops: ops(w("a", "new")), want: []string{"a -> b", "b -> d/c", "d/ 0755", "d/c -> ../f", `f 0644 "new"`}, counts: "0 1 0 0"},
		{
			name: "up from a linked folder", tree: []string{"deep/dir/x=1", "deep/f=old", "f=wrong", "to->deep/dir", "l->to/../f"}, ops: ops(w("l", "new")),
			want: []string{"deep/ 0755", "deep/dir/ 0755", `deep/dir/x 0644 "1"`, `deep/f 0644 "new"`, `f 0644 "wrong"`, "l -> to/../f", "to -> deep/dir"}, counts: "0 1 0 0",
		},
		{name: "linked parent", tree: []string{"d/x=1", "l->d"}, ops: ops(w("l/new/f", "new")), want: []string{"d/ 0755", "d/new/ 0755", `d/new/f 0644 "new"`, `d/x 0644 "1"`, "l -> d"}, counts: "1 0 0 0", plan: "+d/new +d/new/f"},
		{name: "follow and chmod", tree: []string{"f=old", "l->f"}, ops: ops(chmod("l", 0o600)), want: []string{`f 0600 "old"`, "l -> f"}, counts: "0 1 0 0"},
		{name: "mkdir on a link to a folder", tree: []string{"d/x=1", "l->d/"}, ops: ops(moded(mkdir("l"), 0o700)), want: []string{"d/ 0700", `d/x 0644 "1"`, "l -> d/"}, counts: "0 0 0 0"},
		{name: "replace", options: replace, tree: []string{"f=old", "l->f"}, ops: ops(w("l", "new")), want: []string{`f 0644 "old"`, `l 0644 "new"`}, kept: []string{"f"}, counts: "0 1 0 0"},
		{name: "replace a dangling one", options: replace, tree: []string{"l->nowhere"}, ops: ops(w("l", "new")), want: []string{`l 0644 "new"`}, counts: "0 1 0 0"},
		{name: "replace one that leaves the root", options: replace, tree: []string{"l->/etc/passwd"}, ops: ops(w("l", "new")), want: []string{`l 0644 "new"`}, counts: "0 1 0 0"},
		{name: "refuse means links only", options: refuse, tree: []string{"f=old", "d/x=1", "l->d"}, ops: ops(w("f", "new"), w("l/x", "new")), want: []string{"d/ 0755", `d/x 0644 "new"`, `f 0644 "new"`, "l -> d"}, counts: "0 2 0 0"},
		{name: "remove the link itself", tree: []string{"f=old", "l->f"}, ops: ops(rm("l")), want: []string{`f 0644 "old"`}, counts: "0 0 1 0"},
		{name: "remove a link to a folder", tree: []string{"d/x=1", "l->d"}, ops: ops(rmAll("l")), want: []string{"d/ 0755", `d/x 0644 "1"`}, counts: "0 0 1 0"},
		{name: "rename the link itself", tree: []string{"f=old", "l->f"}, ops: ops(mv("l", "m")), want: []string{`f 0644 "old"`, "m -> f"}, counts: "0 1 0 0"},
		{name: "rename a dangling link", tree: []string{"l->nowhere"}, ops: ops(mv("l", "d/m")), want: []string{"d/ 0755", "d/m -> nowhere"}, counts: "0 1 0 0"},
		{name: "rename a link away and write there", tree: []string{"f=old", "l->f"}, ops: ops(mv("l", "m"), w("l", "new")), want: []string{`f 0644 "old"`, `l 0644 "new"`, "m -> f"}, kept: []string{"f"}, counts: "0 2 0 0"},
		{name: "symlink new", ops: ops(ln("l", "../anywhere/at all")), want: []string{"l -> ../anywhere/at all"}, counts: "1 0 0 0", plan: "+l"},
		{name: "symlink unchanged", tree: []string{"l->x"}, ops: ops(ln("l", "x")), want: []string{"l -> x"}, kept: []string{"l"}, counts: "0 0 0 1", plan: "=l"},
		{name: "symlink changed", tree: []string{"l->x"}, ops: ops(ln("l", "y")), want: []string{"l -> y"}, counts: "0 1 0 0", plan: "~l"},
		{name: "symlink over a file", tree: []string{"f=old"}, ops: ops(ln("f", "y")), want: []string{"f -> y"}, counts: "0 1 0 0"},
		{name: "symlink with a long target", ops: ops(ln("l", strings.Repeat("x/", 2000))), want: []string{"l -> " + strings.Repeat("x/", 2000)}, counts: "1 0 0 0"},
	})
}

// TestRename covers renames that mean the state before the transaction.
func TestRename(t *testing.T) {
	three := []string{"a=1", "b=2", "c=3"}
	do(t, []deed{
		{name: "one", tree: three, ops: ops(mv("a", "d")), want: []string{`b 0644 "2"`, `c 0644 "3"`, `d 0644 "1"`}, counts: "0 1 0 0", plan: "a>d"},
		{name: "chain", tree: three, ops: ops(mv("a", "b"), mv("b", "c"), mv("c", "d")), want: []string{`b 0644 "1"`, `c 0644 "2"`, `d 0644 "3"`}, counts: "0 3 0 0", plan: "a>b b>c c>d"},
		{name: "chain from the end", tree: three, ops: ops(mv("c", "d"), mv("b", "c"), mv("a", "b")), want: []string{`b 0644 "1"`, `c 0644 "2"`, `d 0644 "3"`}, counts: "0 3 0 0"},
		{name: "swap", tree: three, ops: ops(mv("a", "b"), mv("b", "a")), want: []string{`a 0644 "2"`, `b 0644 "1"`, `c 0644 "3"`}, kept: []string{"c"}, counts: "0 2 0 0"},
		{name: "circle", tree: three, ops: ops(mv("a", "b"), mv("b", "c"), mv("c", "a")), want: []string{`a 0644 "3"`, `b 0644 "1"`, `c 0644 "2"`}, counts: "0 3 0 0"},
		{name: "backup", tree: []string{"a=old"}, ops: ops(mv("a", "a.bak"), w("a", "new")), want: []string{`a 0644 "new"`, `a.bak 0644 "old"`}, counts: "0 2 0 0"},
		{name: "backup over an older one", tree: []string{"a=old", "a.bak=older"}, ops: ops(mvOver("a", "a.bak"), w("a", "new")), want: []string{`a 0644 "new"`, `a.bak 0644 "old"`}, counts: "0 2 0 0"},
		{name: "new with the old content", tree: []string{"a=old"}, ops: ops(mv("a", "b"), w("a", "old")), want: []string{`a 0644 "old"`, `b 0644 "old"`}, counts: "0 2 0 0"},
		{name: "onto removed", tree: three, ops: ops(rm("b"), mv("a", "b")), want: []string{`b 0644 "1"`, `c 0644 "3"`}, counts: "0 1 0 0"},
		{name: "file onto a removed folder", tree: []string{"a=1", "d/x=2"}, ops: ops(mv("a", "d"), rmAll("d")), want: []string{`d 0644 "1"`}, counts: "0 1 1 0"},
		{name: "folder onto a removed file", tree: []string{"a=1", "d/x=2"}, ops: ops(rm("a"), mv("d", "a")), want: []string{"a/ 0755", `a/x 0644 "2"`}, counts: "0 0 0 0"},
		{name: "folder onto a removed folder", tree: []string{"d/x=1", "e/y=2"}, ops: ops(rmAll("e"), mv("d", "e")), want: []string{"e/ 0755", `e/x 0644 "1"`}, counts: "0 0 1 0"},
		{name: "replace", tree: three, ops: ops(mvOver("a", "b")), want: []string{`b 0644 "1"`, `c 0644 "3"`}, counts: "0 1 0 0"},
		{name: "replace a link", tree: []string{"a=1", "l->a"}, ops: ops(mvOver("a", "l")), want: []string{`l 0644 "1"`}, counts: "0 1 0 0"},
		{name: "two names of one file", tree: []string{"a=1"}, ops: ops(mvOver("a", "b")), want: []string{`b 0644 "1"`}, counts: "0 1 0 0"},
		{name: "into a new folder", tree: three, ops: ops(mv("a", "d/e/a"), mv("b", "d/b")), want: []string{`c 0644 "3"`, "d/ 0755", `d/b 0644 "2"`, "d/e/ 0755", `d/e/a 0644 "1"`}, counts: "0 2 0 0"},
		{name: "into a folder of an op", tree: three, ops: ops(moded(mkdir("d"), 0o500), mv("a", "d/a"), w("d/new", "n")), want: []string{`b 0644 "2"`, `c 0644 "3"`, "d/ 0500", `d/a 0644 "1"`, `d/new 0644 "n"`}, counts: "1 1 0 0"},
		{name: "folder", tree: []string{"d/x/y=1", "d/z->x"}, ops: ops(mv("d", "n/e")), want: []string{"n/ 0755", "n/e/ 0755", "n/e/x/ 0755", `n/e/x/y 0644 "1"`, "n/e/z -> x"}, counts: "0 0 0 0", plan: "+n d>n/e"},
		{name: "folder chain", tree: []string{"d/x=1", "e/y=2"}, ops: ops(mv("d", "e"), mv("e", "f")), want: []string{"e/ 0755", `e/x 0644 "1"`, "f/ 0755", `f/y 0644 "2"`}, counts: "0 0 0 0"},
		{
			name: "folder away and a new tree there", tree: []string{"d/x=old", "d/gone=1"}, source: []string{"x=new", "s/y=2"}, ops: ops(mv("d", "d.old"), treeOp("d", "src")),
			want: []string{"d/ 0755", "d/s/ 0755", `d/s/y 0644 "2"`, `d/x 0644 "new"`, "d.old/ 0755", `d.old/gone 0644 "1"`, `d.old/x 0644 "old"`}, counts: "2 0 0 0",
		},
		{name: "folder away and a file there", tree: []string{"d/x=1"}, ops: ops(mv("d", "e"), w("d", "file")), want: []string{`d 0644 "file"`, "e/ 0755", `e/x 0644 "1"`}, counts: "1 0 0 0"},
		{name: "folder away and a link to it there", tree: []string{"d/x=1"}, ops: ops(mv("d", "v1"), ln("d", "v1")), want: []string{"d -> v1", "v1/ 0755", `v1/x 0644 "1"`}, counts: "1 0 0 0"},
		{name: "file and folder change places", tree: []string{"a=1", "d/x=2"}, ops: ops(mv("a", "d"), mv("d", "a")), want: []string{"a/ 0755", `a/x 0644 "2"`, `d 0644 "1"`}, counts: "0 1 0 0"},
		{name: "out of a folder that stays", tree: []string{"d/x=1", "d/y=2"}, ops: ops(mv("d/x", "x")), want: []string{"d/ 0755", `d/y 0644 "2"`, `x 0644 "1"`}, kept: []string{"d/y"}, counts: "0 1 0 0"},
		{name: "unchanged mode and owner", tree: []string{"d/=02755", "d/x=1"}, ops: ops(mv("d", "e")), want: []string{"e/ 2755", `e/x 0644 "1"`}, counts: "0 0 0 0"},
		{name: "a FIFO", tree: []string{"p|"}, ops: ops(mv("p", "q")), counts: "0 1 0 0"},
	})
}

// TestRemoveMkdirChmod covers the other ops.
func TestRemoveMkdirChmod(t *testing.T) {
	do(t, []deed{
		{name: "remove", tree: []string{"a=1", "b=2"}, ops: ops(rm("a")), want: []string{`b 0644 "2"`}, kept: []string{"b"}, counts: "0 0 1 0", plan: "-a"},
		{name: "remove what is missing", tree: []string{"b=2"}, ops: ops(with(rm("a"), missingOK), w("c", "3")), want: []string{`b 0644 "2"`, `c 0644 "3"`}, counts: "1 0 0 0"},
		{name: "remove below what is missing", tree: []string{"b=2"}, ops: ops(with(rm("x/y/a"), missingOK)), want: []string{`b 0644 "2"`}, counts: "0 0 0 0"},
		{name: "remove an empty folder", tree: []string{"d/", "b=2"}, ops: ops(rm("d")), want: []string{`b 0644 "2"`}, counts: "0 0 0 0", plan: "-d"},
		{name: "remove a folder", tree: []string{"d/x/y=1", "d/z->x", "d/e/=0", "b=2"}, ops: ops(rmAll("d")), want: []string{`b 0644 "2"`}, counts: "0 0 2 0", plan: "-d -d/e -d/x -d/x/y -d/z"},
		{name: "remove a FIFO", tree: []string{"p|", "b=2"}, ops: ops(rm("p")), want: []string{`b 0644 "2"`}, counts: "0 0 1 0"},
		{name: "mkdir", ops: ops(mkdir("d/e")), want: []string{"d/ 0755", "d/e/ 0755"}, counts: "0 0 0 0", plan: "+d +d/e"},
		{name: "mkdir with a mode", ops: ops(moded(mkdir("d/e"), 0o3711)), want: []string{"d/ 0755", "d/e/ 3711"}, counts: "0 0 0 0"},
		{name: "mkdir that is there", tree: []string{"d/=0711"}, ops: ops(mkdir("d")), want: []string{"d/ 0711"}, counts: "0 0 0 0", plan: "=d"},
		{name: "mkdir that is there with another mode", tree: []string{"d/=0711"}, ops: ops(moded(mkdir("d"), 0o700)), want: []string{"d/ 0700"}, counts: "0 0 0 0", plan: "md"},
		{name: "mkdir and its parent", ops: ops(moded(mkdir("d/e"), 0o700), moded(mkdir("d"), 0o711)), want: []string{"d/ 0711", "d/e/ 0700"}, counts: "0 0 0 0"},
		{name: "a folder that nobody may write to, with content", ops: ops(moded(mkdir("d"), 0o555), w("d/e/f", "x"), moded(mkdir("d/e"), 0o111)), want: []string{"d/ 0555", "d/e/ 0111", `d/e/f 0644 "x"`}, counts: "1 0 0 0"},
		{name: "chmod", tree: []string{"a=1"}, ops: ops(chmod("a", 0o6755)), want: []string{`a 6755 "1"`}, kept: []string{"a"}, counts: "0 1 0 0", plan: "ma"},
		{name: "chmod to what it is", tree: []string{"a=1"}, ops: ops(chmod("a", 0o644)), want: []string{`a 0644 "1"`}, kept: []string{"a"}, counts: "0 0 0 1", plan: "=a"},
		{name: "chmod of a folder and a write in it", tree: []string{"d/x=1"}, ops: ops(chmod("d", 0o500), w("d/x", "2")), want: []string{"d/ 0500", `d/x 0644 "2"`}, counts: "0 1 0 0"},
		{name: "nothing to do", tree: []string{"a=1"}, ops: ops(), want: []string{`a 0644 "1"`}, kept: []string{"a"}, counts: "0 0 0 0"},
	})
}

// TestHardLink writes to one name of a file with two: the other name keeps the old file (field.md 12). What is unchanged
// keeps both names.
func TestHardLink(t *testing.T) {
	root := memoryDir(t)
	plant(t, root, "a=old", "c=same")
	must(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")))
	must(t, os.Link(filepath.Join(root, "c"), filepath.Join(root, "d")))
	was := stamps(t, root)
	_, err := commitOps(open(t, root, nil), ops(w("a", "new"), w("c", "same")))
	must(t, err)
	compareTrees(t, map[string]string{".": "d", "a": "new", "b": "old", "c": "same", "d": "same"}, contents(t, root))
	sameStamps(t, was, stamps(t, root), []string{"a"})
}

// do commits each deed in a new root, and again, when there must be nothing left to do wherever that makes sense.
func do(t *testing.T, deeds []deed) {
	for _, d := range deeds {
		t.Run(d.name, func(t *testing.T) { d.do(t) })
	}
}

func (d *deed) do(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	must(t, os.MkdirAll("root", 0o755))
	must(t, os.MkdirAll("src", 0o755))
	plant(t, "root", d.tree...)
	plant(t, "src", d.source...)
	was := stamps(t, "root")
	st := open(t, "root", &d.options)
	plan, perr := planOf(st, d.ops)
	res, err := commitOps(st, d.ops)
	if d.counts == "fails" {
		if err == nil || perr == nil {
			t.Errorf("got errors %v from Plan, %v from Commit; want both", perr, err)
		}
		return
	}
	if err != nil || perr != nil || res.Cleanup != nil {
		t.Fatalf("%s: Plan %v, Commit %v, Cleanup %v", describeOps(d.ops), perr, err, res.Cleanup)
	}
	if d.want != nil {
		if got := readTree(t, "root", map[uint64]*modelNode{}).lines("", nil); !slices.Equal(sorted(got), sorted(d.want)) {
			t.Errorf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(d.want, "\n\t"))
		}
	}
	for _, p := range d.kept {
		if now := stamp(t, filepath.Join("root", p)); now != was[p] {
			t.Errorf("%s was touched: got %s, want %s", p, now, was[p])
		}
	}
	got := fmt.Sprint(res.Created, res.Changed, res.Removed, res.Unchanged)
	planned := fmt.Sprint(plan.Created, plan.Changed, plan.Removed, plan.Unchanged)
	if got != d.counts || planned != d.counts {
		t.Errorf("created, changed, removed, unchanged: committed %s, planned %s; want %s", got, planned, d.counts)
	}
	if d.plan != "" && planLines(plan) != d.plan {
		t.Errorf("plan: got %q, want %q", planLines(plan), d.plan)
	}
	if len(res.Displaced) > 0 {
		t.Errorf("displaced: %v", res.Displaced)
	}
	if _, err := os.Lstat("root/.txcommit"); (err == nil) != plan.Effective() {
		t.Errorf("state folder: %v; the plan is effective: %v", err, plan.Effective())
	}
	if plan.Effective() {
		checkLitter(t, "root", true)
	}
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// planLines writes a plan in one line.
func planLines(p *txn.Plan) string {
	var out []string
	for _, c := range p.Changes {
		if c.Symbol == '>' {
			out = append(out, c.From+">"+c.Path)
			continue
		}
		out = append(out, string(c.Symbol)+c.Path)
	}
	return strings.Join(out, " ")
}
