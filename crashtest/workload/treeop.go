package workload

import (
	"path"
	"strings"
)

// tree makes a folder equal to a source that is made from what the folder has now: some of it the same, some with
// other content, mode or (with prune) kind, some missing, some new. The folder may be missing too.
func (g *gen) tree() bool {
	p, ok := g.existing(func(p string, n *Node) bool { return n.Kind == Folder && !g.linkedOutside(p) })
	if !ok || g.chance(30) {
		if p, ok = g.free(); !ok {
			return false
		}
	}
	g.claim(p)
	t := &treeMotif{gen: g, at: p, src: "s" + path.Base(p), prune: g.chance(60)}
	for g.step.Sources[t.src] != nil {
		t.src += "x"
	}
	o := Op{Op: "tree", Path: p, Source: g.source(t.src), Prune: t.prune, Times: g.chance(30), Move: g.chance(30)}
	if g.chance(30) {
		t.spared = pick(g, "u", "v")
		if kids := g.was.kids(p); len(kids) > 0 {
			t.spared = path.Base(pick(g, kids...))
		}
		o.Exclude = []string{"nowhere/**", pick(g, t.spared, "["+t.spared[:1]+"]"+t.spared[1:])}
	}
	before := len(t.now)
	t.folder("")
	if t.spared != "" {
		decoy := g.node(File, 0o640)
		decoy.Text = "never copied"
		g.step.Sources[join(t.src, t.spared)] = decoy
	}
	g.add(o)
	if g.was[p] == nil || before != len(t.now) {
		g.renames++
	}
	return true
}

// linkedOutside says that a file below p has other names: a change of its mode would be seen there.
func (g *gen) linkedOutside(p string) bool {
	for _, q := range g.was.below(p) {
		if len(g.was.names(g.was[q].ID)) > 1 {
			return true
		}
	}
	return false
}

// treeMotif makes the source of one tree op and, beside it, what it makes of the target.
type treeMotif struct {
	*gen
	at    string // the target
	src   string // the source, below the step's sources
	prune bool
	// spared is an entry of the target that is excluded, so that it is neither changed nor pruned; empty: none.
	spared string
}

// folder makes the source's folder rel, and the target's.
func (t *treeMotif) folder(rel string) {
	mode := pick[uint32](t.gen, 0o755, 0o755, 0o711)
	src := t.node(Folder, mode)
	t.step.Sources[join(t.src, rel)] = src
	to := join(t.at, rel)
	if old := t.was[to]; old != nil && old.Kind == Folder {
		n := *old
		n.Mode = mode
		t.now[to] = &n
	} else {
		t.now.remove(to)
		t.put(to, t.node(Folder, mode))
	}
	for _, q := range t.was.kids(to) {
		if r := join(rel, path.Base(q)); r != t.spared {
			t.entry(r, t.was[q])
		}
	}
	for _, name := range []string{"u", "v"} {
		if r := join(rel, name); t.chance(40) && r != t.spared && t.was[join(t.at, r)] == nil {
			t.fresh(r)
		}
	}
}

// entry decides what becomes of an entry that is there.
func (t *treeMotif) entry(rel string, old *Node) {
	to := join(t.at, rel)
	switch roll := t.IntN(10); {
	case roll < 2: // the source does not have it
		if t.prune {
			t.now.remove(to)
		}
	case roll < 4 && t.prune && !t.o.NoExchange: // another kind, perhaps
		t.now.remove(to)
		t.fresh(rel)
	case old.Kind == Folder:
		t.folder(rel)
	case roll < 7:
		t.same(rel, old)
	case old.Kind == Link:
		n := t.link("tree")
		t.now[to], t.step.Sources[join(t.src, rel)] = n, n
	default:
		t.other(rel, old)
	}
}

// same gives the source the same content, perhaps with another mode.
func (t *treeMotif) same(rel string, old *Node) {
	n := *old
	if t.chance(30) {
		n.Mode = 0o640
	}
	src := n
	src.ID, src.UID, src.GID, src.Attr = t.node(n.Kind, 0).ID, 0, 0, ""
	t.step.Sources[join(t.src, rel)] = &src
	t.now[join(t.at, rel)] = &n
}

// other gives a file other content.
func (t *treeMotif) other(rel string, old *Node) {
	to := join(t.at, rel)
	src := t.node(File, pick[uint32](t.gen, 0o644, 0o755))
	src.Text = t.text(t.step.Name + " tree " + rel)
	t.step.Sources[join(t.src, rel)] = src
	if src.Text == old.Text {
		n := *old
		n.Mode = src.Mode
		t.now[to] = &n
		return
	}
	n := *src
	n.ID, n.UID, n.GID, n.Attr, n.Edited = t.node(File, 0).ID, old.UID, old.GID, old.Attr, true
	t.now[to] = &n
	t.renames++
}

// fresh puts something new at rel, where nothing is or what is there goes with all below it.
func (t *treeMotif) fresh(rel string) {
	to := join(t.at, rel)
	old := t.was[to]
	var n *Node
	switch k := t.IntN(4); {
	case k == 0 && (old == nil || old.Kind != Folder) && strings.Count(rel, "/") < 2:
		src := t.node(Folder, 0o750)
		t.step.Sources[join(t.src, rel)] = src
		t.put(to, t.node(Folder, 0o750))
		t.fresh(join(rel, "w"))
		return
	case k == 1 && (old == nil || old.Kind != Link):
		n = t.link("fresh")
	default:
		n = t.node(File, pick[uint32](t.gen, 0o644, 0o600))
		n.Text = t.text(t.step.Name + " fresh " + rel)
	}
	src := *n
	src.ID = t.node(n.Kind, 0).ID
	t.step.Sources[join(t.src, rel)] = &src
	if old != nil && old.Kind == n.Kind && old.Kind == File { // replaced: owner and attributes are kept
		if old.Text == n.Text {
			kept := *old
			kept.Mode = n.Mode
			t.now[to] = &kept
			return
		}
		n.UID, n.GID, n.Attr = old.UID, old.GID, old.Attr
	}
	n.Edited = true
	t.put(to, n)
}
