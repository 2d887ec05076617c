//go:build unix

package txn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/txcommit/txcommit/txn"
)

// planned is one line of a difference between two trees, as a plan has it.
type planned struct {
	symbol byte
	path   string
}

// TestPlanIsTheDifference plans and commits random manifests on random trees: the symbols and paths of the plan are
// exactly the difference of the tree before and after, and its counts are those of its lines.
func TestPlanIsTheDifference(t *testing.T) {
	base := memoryDir(t)
	const want = 1000
	n, committed := 0, 0
	for committed < want && n < 20*want {
		rapid.Check(t, func(t *rapid.T) {
			n++
			if planRun(t, filepath.Join(base, fmt.Sprint(n))) {
				committed++
			}
		})
		if testing.Short() && committed >= want/10 || t.Failed() {
			break
		}
	}
	t.Logf("%d manifests, %d of them committed", n, committed)
	if committed < want && !testing.Short() && !t.Failed() {
		t.Errorf("only %d of %d manifests commit: the test has too little to compare", committed, n)
	}
}

// planRun says whether the manifest was one that commits.
func planRun(t *rapid.T, dir string) bool {
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(root, 0o755))
	defer os.RemoveAll(dir)
	made := drawTree(t, "entries", true)
	made.unlink(map[*modelNode]bool{})
	makeTree(t, root, made, map[*modelNode]string{})
	st, err := txn.Open(t.Context(), root, &txn.Options{Durability: txn.Process})
	must(t, err)
	defer st.Close()
	was := readTree(t, root, map[uint64]*modelNode{})
	m := &model{was: was, umask: umask, trees: map[int]*modelNode{}}
	drawOps(t, m, filepath.Join(dir, "source"))
	inodes := inodesBelow(t, root)
	plan, err := planOf(st, m.ops)
	if err != nil {
		return false
	}
	if res, err := commitOps(st, m.ops); err != nil || res.Cleanup != nil {
		t.Fatalf("Commit: %v after a plan without an error\n%s", err, describeOps(m.ops))
	}
	d := &difference{
		was: was, now: readTree(t, root, map[uint64]*modelNode{}),
		old: inodes, new: inodesBelow(t, root),
	}
	if got, want := d.of(plan), d.lines(); !slices.Equal(got, want) {
		t.Fatalf("the plan is\n\t%s\nthe difference is\n\t%s\nbefore:\n\t%s\nafter:\n\t%s\n%s", showPlanned(got), showPlanned(want),
			strings.Join(was.lines("", nil), "\n\t"), strings.Join(d.now.lines("", nil), "\n\t"), describeOps(m.ops))
	}
	checkPlanCounts(t, plan)
	return true
}

// unlink gives each name of a file a file of its own: a change by one name is one by the others, which a plan that speaks
// of names cannot know.
func (n *modelNode) unlink(seen map[*modelNode]bool) {
	for name, k := range n.kids {
		if k.kind == 'd' {
			k.unlink(seen)
		} else if seen[k] {
			other := *k
			n.kids[name] = &other
		}
		seen[k] = true
	}
}

// inodesBelow lists the inodes of all that is below a root, by path.
func inodesBelow(t fatal, root string) map[string]uint64 {
	out := map[string]uint64{}
	for p := range wholeTree(t, root) {
		if p != "." && p != ".txcommit" && !strings.HasPrefix(p, ".txcommit/") {
			out[p], _ = inodeOf(t, filepath.Join(root, p))
		}
	}
	return out
}

// difference is that of two trees. Something that is at another path than before has been renamed; where a folder was,
// with all that was in it, whatever comes is new.
type difference struct {
	was, now *modelNode
	old, new map[string]uint64
}

func (d *difference) lines() []planned {
	from := map[uint64]string{}
	for p, ino := range d.old {
		from[ino] = p
	}
	renamed, gone, left := map[string]bool{}, map[string]bool{}, map[string]bool{} // by the new path, and by the old one
	d.now.each("", func(p string, n *modelNode) {
		if q, ok := from[d.new[p]]; ok && q != p && n.same(d.was.at(q)) {
			renamed[p] = true
			gone[q], left[q] = true, n.kind == 'd'
		}
	})
	var out []planned
	d.now.each("", func(p string, n *modelNode) {
		old := d.was.at(p)
		if below(left, p) {
			old = nil
		}
		switch {
		case renamed[p]:
			if up, _ := modelSplit(p); !below(renamed, up) {
				out = append(out, planned{'>', p})
			}
		case old == nil:
			out = append(out, planned{'+', p})
		case !n.same(old) || n.kind != 'd' && d.new[p] != d.old[p]:
			out = append(out, planned{'~', p})
		case n.mode != old.mode:
			out = append(out, planned{'m', p})
		}
	})
	d.was.each("", func(p string, _ *modelNode) {
		if d.now.at(p) == nil && !gone[p] && !below(left, p) {
			out = append(out, planned{'-', p})
		}
	})
	slices.SortFunc(out, func(a, b planned) int { return strings.Compare(a.path, b.path) })
	return out
}

// same says that two nodes have the same kind and content.
func (n *modelNode) same(o *modelNode) bool {
	return o != nil && n.kind == o.kind && n.content == o.content
}

// below says that p or a folder above it is in a set.
func below(set map[string]bool, p string) bool {
	for ; p != ""; p, _ = modelSplit(p) {
		if set[p] {
			return true
		}
	}
	return false
}

// of returns the lines of a plan, but for what it says is unchanged.
func (d *difference) of(p *txn.Plan) []planned {
	var out []planned
	for _, c := range p.Changes {
		if c.Symbol != '=' {
			out = append(out, planned{c.Symbol, c.Path})
		}
	}
	return out
}

func showPlanned(lines []planned) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%c %s; ", l.symbol, l.path)
	}
	return b.String()
}

// checkPlanCounts compares the counts of a plan with its lines.
func checkPlanCounts(t *rapid.T, p *txn.Plan) {
	var lines [4]int
	for _, c := range p.Changes {
		i := strings.IndexByte("+~-=", c.Symbol)
		if i < 0 {
			i = 1 // renamed, or another mode
		}
		e := c.After
		if c.Symbol == '-' {
			e = c.Before
		}
		if !e.Mode.IsDir() {
			lines[i]++
		}
	}
	if counts := [4]int{p.Created, p.Changed, p.Removed, p.Unchanged}; counts != lines {
		t.Fatalf("created, changed, removed, unchanged: counted %v, lines %v", counts, lines)
	}
}
