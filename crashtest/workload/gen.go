package workload

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Options say what the layer that runs a workload can bring about.
type Options struct {
	// Steps is how many steps there are; 0 means 4.
	Steps int
	// Acts lets foreign programs change what transactions have left.
	Acts bool
	// Late makes transactions that change modes and names, and lets a foreign program act on what each of them has done: what
	// is redone too late shows.
	Late bool
	// Folders makes transactions that mostly take folders away, with what is in them.
	Folders bool
	// Refusals lets the kernel refuse renames after the commit point; see Step.Refuse.
	Refusals bool
	// Process lets transactions have level process.
	Process bool
	// Races ends one workload in two with a race.
	Races bool
	// NoExchange leaves out what a file system must be able to exchange names for: a folder in the place of a file, or
	// something else in the place of a folder.
	NoExchange bool
	// Owners gives files to other users, which needs root. Attrs gives them extended attributes.
	Owners, Attrs bool
}

// New makes the workload of a seed. The same seed and options make the same workload.
func New(seed uint64, o Options) *Workload {
	if o.Steps == 0 {
		o.Steps = 4
	}
	g := &gen{Rand: rand.New(rand.NewPCG(seed, 0)), o: o, w: &Workload{Seed: seed}}
	g.start()
	for len(g.w.Steps) < o.Steps {
		g.makeStep()
	}
	if o.Races && g.chance(50) {
		g.race()
	}
	return g.w
}

// gen makes one workload.
type gen struct {
	*rand.Rand
	o  Options
	w  *Workload
	id int // the last one given to a node

	// Of the step that is being made:
	step     *Step
	was, now Tree
	// claims are the paths that the motifs have taken so far. A soft claim (false) is on the mode of a folder: others
	// may change what is below.
	claims  map[string]bool
	renames int // at least so many renames into or out of the tree
}

func (g *gen) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *gen, from ...T) T { return from[g.IntN(len(from))] }

// start makes the tree that the workload starts with: every kind of node, nested, read-only, hard-linked.
func (g *gen) start() {
	t := Tree{}
	for _, p := range []string{"p", "p/s", "q", "r"} {
		t[p] = g.node(Folder, pick[uint32](g, 0o755, 0o755, 0o750, 0o700))
	}
	for _, p := range []string{"a", "b", "p/a", "p/b", "p/s/a", "q/a", "q/b"} {
		if g.chance(85) {
			t[p] = g.file("start " + p)
		}
	}
	t["c"] = g.file("start c")
	t["q/c"] = t["c"] // a hard link in another folder
	if g.chance(50) {
		t["d"] = t["c"]
	}
	t["l"] = g.link("c")
	t["p/l"] = g.link("../q/b") // dangles, perhaps
	t["untouched"] = g.file("nobody's business")
	t["still"] = g.node(Folder, 0o755)
	t["still/life"] = g.file("nobody's business either")
	g.w.Start = t
}

func (g *gen) node(k Kind, mode uint32) *Node {
	g.id++
	return &Node{ID: g.id, Kind: k, Mode: mode}
}

func (g *gen) link(target string) *Node {
	n := g.node(Link, 0o777)
	n.Text = target
	return n
}

// file makes a file as it may be at the start.
func (g *gen) file(what string) *Node {
	n := g.node(File, pick[uint32](g, 0o644, 0o644, 0o600, 0o755, 0o444, 0o4755))
	n.Text = g.text(what)
	if g.o.Owners && g.chance(20) {
		n.UID, n.GID = 1000, 1001
	}
	if g.o.Attrs && g.chance(20) {
		n.Attr = "of " + what
	}
	return n
}

// text makes content that says where it belongs, in every part of it.
func (g *gen) text(what string) string {
	line := fmt.Sprintf("%d %s %d\n", g.w.Seed, what, g.IntN(1000))
	size := pick(g, 0, 1, 20, 200, 600, 3000, 5000, 9000)
	if g.chance(5) {
		size = 70_000
	}
	return strings.Repeat(line, size/len(line)+1)[:size]
}

// makeStep adds a step: mostly a transaction, at times a foreign program's act on what the last one has done.
func (g *gen) makeStep() {
	i := len(g.w.Steps)
	g.was = g.w.Before(i)
	g.step = &Step{Name: fmt.Sprintf("t%02d", i), Sources: Tree{}}
	g.now, g.claims, g.renames = g.was.clone(), map[string]bool{}, 0
	if g.o.Acts && i > 0 && g.w.Steps[i-1].Act == nil && (g.o.Late || g.chance(30)) && g.act() {
		g.finish()
		return
	}
	if i > 0 && !g.o.Late && g.chance(40) && g.undo(&g.w.Steps[i-1], g.w.Before(i-1)) {
		g.finish()
		return
	}
	if g.chance(40) {
		g.step.History = 1
	}
	parts := motifs
	switch {
	case g.o.Late:
		parts = lateMotifs
	case g.o.Folders:
		parts = folderMotifs
	}
	want := 1 + g.IntN(4)
	for tries := 0; tries < 40 && want > 0; tries++ {
		if parts[g.IntN(len(parts))](g) {
			want--
		}
	}
	if len(g.step.Ops) == 0 {
		return // the dice of the next call fall otherwise
	}
	g.spoil()
	g.finish()
}

func (g *gen) finish() {
	s := g.step
	if s.Aim == nil {
		s.Aim = g.now
	}
	if s.After == nil {
		s.After = s.Aim
	}
	for p := range g.claims {
		s.Touched = append(s.Touched, p)
	}
	slices.Sort(s.Touched)
	g.w.Steps = append(g.w.Steps, *s)
}

// undo makes the step take back the last one, if that is kept and has changed anything. Files come back as the same
// inodes; links, and folders that are gone, are made anew. What came with a folder at level process, or with one into
// which a folder was moved, is not known for sure, which is a conflict.
func (g *gen) undo(last *Step, before Tree) bool {
	if last.History == 0 || last.Exit != 0 || last.Process || maps.EqualFunc(before, last.After, func(a, b *Node) bool { return *a == *b }) {
		return false
	}
	moves := false
	for _, o := range last.Ops {
		moves = moves || o.Move
		if n := before[o.From]; n != nil && n.Kind == Folder && before[parent(o.To)] == nil && parent(o.To) != "." {
			return false
		}
	}
	g.step.Undo, g.step.Force, g.step.History = true, moves, 1
	g.now = Tree{}
	for _, p := range before.Paths() {
		n := before[p]
		at := last.After[p]
		if n.Kind == Folder && len(last.After.names(n.ID)) == 0 || n.Kind == Link && (at == nil || at.ID != n.ID) {
			made := g.node(n.Kind, n.Mode)
			made.Text = n.Text
			n = made
		}
		g.now[p] = n
	}
	g.claim(last.Touched...)
	return true
}

// spoil lets a transaction fail, or gives it another level.
func (g *gen) spoil() {
	s := g.step
	switch {
	case g.chance(12) && g.failExpect():
		s.Exit, s.Aim = 3, g.was
	case g.o.Refusals && g.renames > 0 && g.chance(25):
		s.Refuse, s.Exit, s.Aim, s.After = 1+g.IntN(g.renames), 1, g.now, g.was
	case g.o.Process && g.chance(25):
		s.Process = true
	}
}

// failExpect puts a condition on an op that does not hold.
func (g *gen) failExpect() bool {
	o := &g.step.Ops[g.IntN(len(g.step.Ops))]
	p := o.Path
	if o.Op == "rename" {
		p = o.From
	}
	n := g.was[p]
	switch {
	case o.Op == "tree" || o.Op == "mkdir":
		return false
	case n == nil:
		o.Expect = "present"
	case n.Kind == File && g.chance(50):
		o.Expect = expectContent(n.Text + "!")
	default:
		o.Expect = "absent"
	}
	return true
}

// act makes the step a foreign program's, preferably on what the last transaction has touched.
func (g *gen) act() bool {
	last := g.w.Steps[len(g.w.Steps)-1].Touched
	near := func(p string) bool {
		return slices.ContainsFunc(last, func(t string) bool { return t == p || strings.HasPrefix(p, t+"/") })
	}
	p, ok := g.existing(func(p string, n *Node) bool { return n.Kind == File && near(p) })
	if !ok {
		return false
	}
	n := *g.was[p]
	a := &Act{Kind: pick(g, Replace, Edit, Delete, Chmod, Relink), Path: p, Mode: n.Mode}
	for _, q := range g.was.names(n.ID) {
		g.claims[q] = true
	}
	switch a.Kind {
	case Replace:
		a.Text, a.Mode = g.text("foreign "+p), 0o640
		f := g.node(File, a.Mode)
		f.Text, f.Edited = a.Text, true
		g.now[p] = f
	case Relink:
		a.Text = "foreign"
		g.now[p] = g.link(a.Text)
	case Delete:
		delete(g.now, p)
	case Chmod:
		a.Mode = n.Mode ^ 0o011
		n.Mode = a.Mode
		g.now.change(&n)
	case Edit:
		a.Text = strings.Repeat("!", min(len(n.Text), editLimit))
		n.Text, n.Edited = a.Text+n.Text[len(a.Text):], true
		g.now.change(&n)
	}
	g.step.Act = a
	return true
}
