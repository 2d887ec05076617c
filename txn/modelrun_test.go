//go:build unix

package txn_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

var (
	modelPaths    = []string{"a", "b", "c", "a/a", "a/b", "b/a", "b/c", "c/b", "a/b/c", "a/b/a", "b/a/c"}
	modelTargets  = []string{"a", "b", "c", "../a", "../c", "a/b", "b/../c", "b/", ".", "..", "missing", "/abs", "a/b/c"}
	modelModes    = []uint32{0o644, 0o600, 0o755, 0o444, 0o4755, 0o640}
	modelContents = []string{"", "one", "two", "three\n"}
	modelGlobs    = []string{"a", "b/*", "**/c", "a/b"}
)

// drawTree draws a small tree: files, some with two names, folders and links.
func drawTree(t *rapid.T, label string, links bool) *modelNode {
	root := modelFolder(0o755)
	for i := range rapid.IntRange(0, 9).Draw(t, label) {
		p := rapid.SampledFrom(modelPaths).Draw(t, "path")
		dir, _ := modelSplit(p)
		if d := root.at(dir); d == nil || d.kind != 'd' || root.at(p) != nil {
			continue
		}
		switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
		case kind < 4:
			root.put(p, modelFolder(rapid.SampledFrom([]uint32{0o755, 0o700, 0o711, 0o1777}).Draw(t, "mode")))
		case kind < 8 || !links:
			root.put(p, &modelNode{
				kind: 'f', mode: rapid.SampledFrom(modelModes).Draw(t, "mode"),
				content: rapid.SampledFrom(modelContents).Draw(t, "content"),
			})
		case kind == 8:
			root.put(p, &modelNode{kind: 'l', content: rapid.SampledFrom(modelTargets).Draw(t, "target")})
		default:
			other := rapid.SampledFrom(modelPaths).Draw(t, "linked")
			if o := root.at(other); o != nil && o.kind == 'f' {
				root.put(p, o)
			}
		}
		_ = i
	}
	return root
}

// drawOp draws an op, most often on one of the paths that are there.
func drawOp(t *rapid.T, i int, paths []string) manifest.Op {
	path := rapid.SampledFrom(modelPaths)
	there := rapid.SampledFrom(modelPaths)
	if len(paths) > 0 {
		there = rapid.OneOf(there, rapid.SampledFrom(paths), rapid.SampledFrom(paths))
	}
	o := manifest.Op{Kind: manifest.Kind(rapid.IntRange(int(manifest.Write), int(manifest.Tree)).Draw(t, fmt.Sprintf("op %d", i)))}
	if o.Kind == manifest.Rename {
		o.From, o.To = there.Draw(t, "from"), path.Draw(t, "to")
		o.Replace = rapid.Bool().Draw(t, "replace")
	} else {
		o.Path = there.Draw(t, "path")
	}
	switch o.Kind {
	case manifest.Write:
		o.Content = []byte(rapid.SampledFrom(modelContents).Draw(t, "content"))
	case manifest.Symlink:
		o.Target = rapid.SampledFrom(modelTargets).Draw(t, "target")
	case manifest.Remove:
		o.Recursive, o.MissingOK = rapid.Bool().Draw(t, "recursive"), rapid.Bool().Draw(t, "missing")
	case manifest.Tree:
		o.Prune = rapid.Bool().Draw(t, "prune")
		o.Exclude = rapid.SliceOfNDistinct(rapid.SampledFrom(modelGlobs), 0, 2, rapid.ID[string]).Draw(t, "exclude")
		if rapid.IntRange(0, 4).Draw(t, "dot") == 0 {
			o.Path = "."
		}
	}
	if o.Kind == manifest.Chmod || (o.Kind == manifest.Write || o.Kind == manifest.Mkdir) && rapid.Bool().Draw(t, "moded") {
		o.Mode = manifest.ModeOf(rapid.SampledFrom(modelModes).Draw(t, "mode"))
	}
	o.RequireParents = o.Kind != manifest.Remove && o.Kind != manifest.Chmod && rapid.IntRange(0, 19).Draw(t, "parents") == 0
	if o.Kind != manifest.Mkdir && o.Kind != manifest.Tree {
		o.Expect = drawExpect(t)
	}
	return o
}

func drawExpect(t *rapid.T) (e manifest.Expect) {
	switch rapid.IntRange(0, 29).Draw(t, "expect") {
	case 0:
		e.State = manifest.ExpectAbsent
	case 1:
		e.State = manifest.ExpectPresent
	case 2:
		e.State = manifest.ExpectSHA256
		e.SHA256 = sha256.Sum256([]byte(rapid.SampledFrom(modelContents).Draw(t, "expected")))
	}
	return e
}

// faultOf returns the class of an error.
func faultOf(err error) modelFault {
	switch {
	case errors.Is(err, txn.ErrConflict):
		return faultConflict
	case errors.Is(err, fs.ErrInvalid):
		return faultInvalid
	}
	return faultOther
}

// TestModel commits random ops on random trees, and compares with the model: the same tree, with the same inodes where
// the model keeps a file, or an error of a class that the model has found too, and nothing changed.
func TestModel(t *testing.T) {
	base := memoryDir(t)
	rounds := 20 // of 100 runs, or what -rapid.checks says
	if testing.Short() {
		rounds = 2
	}
	n, committed := 0, 0
	for range rounds {
		rapid.Check(t, func(t *rapid.T) {
			n++
			committed += modelRun(t, filepath.Join(base, fmt.Sprint(n)))
		})
	}
	t.Logf("%d runs, %d transactions committed", n, committed)
	if committed < n/3 {
		t.Errorf("%d of %d runs committed something: the test has too little to compare", committed, n)
	}
}

// modelRun commits one or two transactions on a random tree, and returns how many were such as commit.
func modelRun(t *rapid.T, dir string) (committed int) {
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(root, 0o755))
	defer os.RemoveAll(dir)
	makeTree(t, root, drawTree(t, "entries", true), map[*modelNode]string{})
	st, err := txn.Open(context.Background(), root, &txn.Options{Durability: txn.Process})
	must(t, err)
	defer st.Close()
	for i := range rapid.IntRange(1, 2).Draw(t, "transactions") {
		if modelTransaction(t, st, root, filepath.Join(dir, fmt.Sprint("source", i))) {
			committed++
		}
	}
	return committed
}

// drawOps draws the ops of a transaction. Most of those that do not go with the others are dropped: what commits is more
// worth testing than what does not.
func drawOps(t *rapid.T, m *model, sources string) {
	var paths []string
	m.was.each("", func(p string, _ *modelNode) { paths = append(paths, p) })
	slices.Sort(paths)
	for n := range rapid.IntRange(1, 9).Draw(t, "ops") {
		o, i := drawOp(t, n, paths), len(m.ops)
		if o.Kind == manifest.Tree {
			m.trees[i] = drawTree(t, "source", true)
			o.Source = filepath.Join(sources, fmt.Sprint(n))
			must(t, os.MkdirAll(o.Source, 0o755))
			makeTree(t, o.Source, m.trees[i], map[*modelNode]string{})
		}
		m.ops = append(m.ops, o)
		if len(m.check()) > 0 && rapid.IntRange(0, 7).Draw(t, "keep") > 0 {
			m.ops = m.ops[:i]
		}
	}
}

// modelTransaction says whether the transaction was one that commits.
func modelTransaction(t *rapid.T, st *txn.Store, root, sources string) bool {
	was := readTree(t, root, map[uint64]*modelNode{})
	m := &model{was: was, umask: umask, trees: map[int]*modelNode{}}
	drawOps(t, m, sources)
	before, stamped := was.lines("", nil), stamps(t, root)
	describe := func() string {
		var b strings.Builder
		for i, o := range m.ops {
			fmt.Fprintf(&b, "op %d %s\n", i, describeOp(o))
			if o.Kind == manifest.Tree {
				fmt.Fprintf(&b, "   source:\n\t%s\n", strings.Join(m.trees[i].lines("", nil), "\n\t"))
			}
		}
		return fmt.Sprintf("before:\n\t%s\n%s", strings.Join(before, "\n\t"), b.String())
	}
	faults := m.check()
	if m.unclear() {
		return false
	}
	plan, perr := planOf(st, m.ops)
	res, err := commitOps(st, m.ops)
	got := readTree(t, root, map[uint64]*modelNode{}).lines("", nil)
	if len(faults) > 0 {
		if err == nil || !faults[faultOf(err)] {
			t.Fatalf("Commit: got error %v (%s), want one of %v\n%s", err, faultOf(err), faults, describe())
		}
		if now := stamps(t, root); !slices.Equal(got, before) || fmt.Sprint(now) != fmt.Sprint(stamped) {
			t.Fatalf("after the error %v the tree has changed:\n\t%s\n%v\nwas %v\n%s", err, strings.Join(got, "\n\t"), now, stamped, describe())
		}
		return false
	}
	if err != nil || perr != nil || res.Cleanup != nil {
		t.Fatalf("Commit: %v; Plan: %v; want none\n%s", err, perr, describe())
	}
	want := m.after()
	if w := want.lines("", nil); !slices.Equal(got, w) {
		t.Fatalf("got:\n\t%s\nwant:\n\t%s\n%s", strings.Join(got, "\n\t"), strings.Join(w, "\n\t"), describe())
	}
	checkCounts(t, plan, res, describe)
	checkKept(t, was, want, stamped, stamps(t, root), describe)
	return true
}

// checkCounts compares what Plan foretold with what Commit says.
func checkCounts(t *rapid.T, p *txn.Plan, r *txn.Result, describe func() string) {
	plan := [4]int{p.Created, p.Changed, p.Removed, p.Unchanged}
	if res := [4]int{r.Created, r.Changed, r.Removed, r.Unchanged}; plan != res {
		t.Fatalf("created, changed, removed, unchanged: planned %v, committed %v\n%s", plan, res, describe())
	}
	if !r.Committed || (r.ID == "") != !p.Effective() {
		t.Fatalf("Committed %v with id %q, plan effective %v\n%s", r.Committed, r.ID, p.Effective(), describe())
	}
}

// checkKept compares inodes and times of the files that the model has kept, also under another name.
func checkKept(t *rapid.T, was, now *modelNode, old, new map[string]string, describe func() string) {
	at := map[*modelNode]string{}
	was.each("", func(p string, n *modelNode) { at[n] = p })
	now.each("", func(p string, n *modelNode) {
		if from, ok := at[n]; ok && n.kind != 'd' && old[from] != new[p] {
			t.Fatalf("%s was %s: got %s, want %s\n%s", p, from, new[p], old[from], describe())
		}
	})
}

func describeOps(ops []manifest.Op) string {
	var b strings.Builder
	for i, o := range ops {
		fmt.Fprintf(&b, "op %d %s\n", i, describeOp(o))
	}
	return b.String()
}

func describeOp(o manifest.Op) string {
	s := fmt.Sprintf("%s %s%s→%s mode %s expect %v", o.Kind, o.Path, o.From, o.To, o.Mode, o.Expect.State)
	return s + fmt.Sprintf(" content %q target %q recursive %v missing-ok %v replace %v require %v prune %v exclude %v",
		o.Content, o.Target, o.Recursive, o.MissingOK, o.Replace, o.RequireParents, o.Prune, o.Exclude)
}
