package workload

import (
	"path"
	"slices"
)

// motifs are the parts of transactions. Each adds ops and their effect to the step, or says that it does not fit.
var motifs = []func(*gen) bool{
	(*gen).writeNew, (*gen).writeNew, (*gen).writeOver, (*gen).writeOver, (*gen).writeOver,
	(*gen).writeThroughLink, (*gen).writeSame,
	(*gen).removeFile, (*gen).removeFolder, (*gen).removeEmpty, (*gen).removeMissing,
	(*gen).renameFree, (*gen).renameOver, (*gen).renameOnRemoved, (*gen).swap, (*gen).rotate, (*gen).backup,
	(*gen).moveFolder, (*gen).moveFolderAndFill,
	(*gen).makeFolder, (*gen).chmodFolder, (*gen).chmodFile,
	(*gen).linkNew, (*gen).linkOver,
	(*gen).tree, (*gen).tree,
}

// lateMotifs are those whose records must go before the acknowledgement.
var lateMotifs = []func(*gen) bool{
	(*gen).chmodFile, (*gen).renameFree, (*gen).renameOver, (*gen).swap, (*gen).moveFolder, (*gen).backup,
}

// folderMotifs are those that take folders away, or make what they can take away.
var folderMotifs = []func(*gen) bool{(*gen).removeFolder, (*gen).removeFolder, (*gen).tree, (*gen).moveFolderAndFill}

// content makes an op's content: in the manifest or in a source file.
func (g *gen) content(o *Op, text string) {
	if len(text) < 2000 && g.chance(70) {
		o.Content = &text
		return
	}
	name := "f" + string(rune('a'+len(g.step.Sources)%26)) + path.Base(o.Path)
	for g.step.Sources[name] != nil {
		name += "x"
	}
	src := g.node(File, 0o640)
	src.Text = text
	g.step.Sources[name] = src
	o.Source = g.source(name)
}

// source is the path from the manifest to a source.
func (g *gen) source(name string) string { return "../src/" + g.step.Name + "/" + name }

// expect puts a condition that holds on an op, at times.
func (g *gen) expect(o *Op, n *Node) {
	switch {
	case g.chance(60):
	case n == nil:
		o.Expect = "absent"
	case n.Kind == File && g.chance(60):
		o.Expect = expectContent(n.Text)
	default:
		o.Expect = "present"
	}
}

// mode gives an op a mode, at times, and says which one the file gets.
func (g *gen) mode(o *Op, otherwise uint32) uint32 {
	if g.chance(60) {
		return otherwise
	}
	m := pick[uint32](g, 0o600, 0o644, 0o444, 0o755, 0o2750)
	o.Mode = octal(m)
	return m
}

// newFile is a file that a transaction makes where none was.
func (g *gen) newFile(o *Op) *Node {
	n := g.node(File, 0)
	n.Mode, n.Text, n.Edited = g.mode(o, 0o644), g.text(g.step.Name+" "+o.Path), true
	g.content(o, n.Text)
	return n
}

// newOver is a file that takes the place of another one, and keeps what it is not told to change.
func (g *gen) newOver(o *Op, old *Node) *Node {
	n := g.newFile(o)
	if o.Mode == "" {
		n.Mode = old.Mode
	}
	n.UID, n.GID, n.Attr = old.UID, old.GID, old.Attr
	return n
}

func (g *gen) writeNew() bool {
	p, ok := g.free()
	if !ok {
		return false
	}
	g.claim(p)
	o := Op{Op: "write", Path: p}
	g.put(p, g.newFile(&o))
	g.expect(&o, nil)
	g.add(o)
	g.renames++
	return true
}

func (g *gen) writeOver() bool {
	p, ok := g.existingOf(File)
	if !ok {
		return false
	}
	g.claim(p)
	o := Op{Op: "write", Path: p}
	g.now[p] = g.newOver(&o, g.was[p])
	g.expect(&o, g.was[p])
	g.add(o)
	if g.now[p].Text != g.was[p].Text {
		g.renames++
	} else { // nothing but the mode, of the old inode
		n := *g.was[p]
		n.Mode = g.now[p].Mode
		g.now[p] = &n
		g.now.change(&n)
		g.claim(g.was.names(n.ID)...)
	}
	return true
}

// writeThroughLink writes to a link, which stays; the file that it leads to is replaced.
func (g *gen) writeThroughLink() bool {
	p, ok := g.existing(func(p string, n *Node) bool {
		to := join(parent(p), n.Text)
		return n.Kind == Link && g.was[to] != nil && g.was[to].Kind == File && g.claimable(to, true)
	})
	if !ok {
		return false
	}
	to := join(parent(p), g.was[p].Text)
	g.claim(p, to)
	o := Op{Op: "write", Path: p}
	n := g.newOver(&o, g.was[to])
	if n.Text == g.was[to].Text {
		return g.giveUp(p, to)
	}
	g.now[to] = n
	g.add(o)
	g.renames++
	return true
}

// giveUp frees what a motif has claimed.
func (g *gen) giveUp(paths ...string) bool {
	for _, p := range paths {
		delete(g.claims, p)
	}
	return false
}

func (g *gen) writeSame() bool {
	p, ok := g.existingOf(File)
	if !ok {
		return false
	}
	g.claim(p)
	o := Op{Op: "write", Path: p}
	g.content(&o, g.was[p].Text)
	g.add(o)
	return true
}

func (g *gen) removeFile() bool {
	p, ok := g.existingOf(File, Link)
	if !ok {
		return false
	}
	g.claim(p)
	o := Op{Op: "remove", Path: p}
	g.expect(&o, g.was[p])
	g.add(o)
	g.now.remove(p)
	g.renames++
	return true
}

func (g *gen) removeFolder() bool {
	p, ok := g.existingOf(Folder)
	if !ok {
		return false
	}
	g.claim(p)
	g.add(Op{Op: "remove", Path: p, Recursive: true})
	g.now.remove(p)
	g.renames++
	return true
}

func (g *gen) removeEmpty() bool {
	p, ok := g.existing(func(p string, n *Node) bool { return n.Kind == Folder && len(g.was.below(p)) == 1 })
	if !ok {
		return false
	}
	g.claim(p)
	g.add(Op{Op: "remove", Path: p})
	g.now.remove(p)
	g.renames++
	return true
}

func (g *gen) removeMissing() bool {
	p, ok := g.free()
	if !ok || g.chance(50) {
		return false
	}
	g.claim(p)
	g.add(Op{Op: "remove", Path: p, Missing: "ok"})
	return true
}

func (g *gen) makeFolder() bool {
	p, ok := g.free()
	if !ok {
		return false
	}
	g.claim(p)
	o := Op{Op: "mkdir", Path: p}
	m := uint32(0o755)
	if g.chance(50) {
		m = pick[uint32](g, 0o700, 0o750, 0o1777)
		o.Mode = octal(m)
	}
	g.add(o)
	g.put(p, g.node(Folder, m))
	g.renames++
	return true
}

func (g *gen) chmodFolder() bool {
	var fit []string
	for _, p := range g.was.Paths() {
		if g.was[p].Kind == Folder && p != "still" && g.claimable(p, false) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return false
	}
	p := pick(g, fit...)
	g.claims[p] = false
	n := *g.was[p]
	n.Mode = pick[uint32](g, 0o755, 0o700, 0o711, 0o555)
	g.add(Op{Op: pick(g, "chmod", "mkdir"), Path: p, Mode: octal(n.Mode)})
	g.now[p] = &n
	return true
}

func (g *gen) chmodFile() bool {
	p, ok := g.existing(func(_ string, n *Node) bool {
		return n.Kind == File && !slices.ContainsFunc(g.was.names(n.ID), func(q string) bool { return !g.claimable(q, true) })
	})
	if !ok {
		return false
	}
	n := *g.was[p]
	n.Mode = pick[uint32](g, 0o600, 0o644, 0o755, 0o400)
	g.claim(g.was.names(n.ID)...)
	o := Op{Op: "chmod", Path: p, Mode: octal(n.Mode)}
	g.expect(&o, g.was[p])
	g.add(o)
	g.now.change(&n)
	return true
}

func (g *gen) linkNew() bool {
	p, ok := g.free()
	if !ok {
		return false
	}
	g.claim(p)
	n := g.link(pick(g, "a", "b", "../a", "nowhere"))
	g.add(Op{Op: "symlink", Path: p, Target: n.Text})
	g.put(p, n)
	g.renames++
	return true
}

func (g *gen) linkOver() bool {
	p, ok := g.existingOf(File, Link)
	if !ok {
		return false
	}
	g.claim(p)
	n := g.link("to-" + g.step.Name)
	o := Op{Op: "symlink", Path: p, Target: n.Text}
	g.expect(&o, g.was[p])
	g.add(o)
	g.now[p] = n
	g.renames++
	return true
}
