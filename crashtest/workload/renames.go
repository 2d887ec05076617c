package workload

// renameFree renames a file or link to a free name.
func (g *gen) renameFree() bool {
	from, ok := g.existingOf(File, Link)
	if !ok {
		return false
	}
	g.claim(from)
	to, ok := g.free()
	if !ok {
		return g.giveUp(from)
	}
	g.claim(to)
	o := Op{Op: "rename", From: from, To: to}
	g.expect(&o, g.was[from])
	g.add(o)
	g.move(from, to)
	g.renames += 2
	return true
}

// pair picks and claims two files or links that are different inodes.
func (g *gen) pair() (a, b string, ok bool) {
	if a, ok = g.existingOf(File, Link); !ok {
		return a, b, false
	}
	g.claim(a)
	b, ok = g.existing(func(_ string, n *Node) bool { return n.Kind != Folder && n.ID != g.was[a].ID })
	if !ok {
		return a, b, g.giveUp(a)
	}
	g.claim(b)
	return a, b, true
}

func (g *gen) renameOver() bool {
	from, to, ok := g.pair()
	if !ok {
		return false
	}
	g.add(Op{Op: "rename", From: from, To: to, Replace: true})
	g.move(from, to)
	g.renames += 2
	return true
}

// renameOnRemoved renames something to the name of something that is removed: a file to that of a folder too.
func (g *gen) renameOnRemoved() bool {
	to, ok := g.existingOf(Folder, File, Link)
	if !ok || g.o.NoExchange && g.was[to].Kind == Folder {
		return false
	}
	g.claim(to)
	from, ok := g.existing(func(_ string, n *Node) bool { return n.ID != g.was[to].ID && (n.Kind != Folder || !g.o.NoExchange) })
	if !ok {
		return g.giveUp(to)
	}
	g.claim(from)
	g.add(Op{Op: "remove", Path: to, Recursive: g.was[to].Kind == Folder}, Op{Op: "rename", From: from, To: to})
	g.now.remove(to)
	g.move(from, to)
	g.renames++
	return true
}

func (g *gen) swap() bool {
	a, b, ok := g.pair()
	if !ok {
		return false
	}
	g.add(Op{Op: "rename", From: a, To: b}, Op{Op: "rename", From: b, To: a})
	g.now[a], g.now[b] = g.was[b], g.was[a]
	g.renames += 2
	return true
}

func (g *gen) rotate() bool {
	a, b, ok := g.pair()
	if !ok {
		return false
	}
	c, ok := g.free()
	if !ok {
		return g.giveUp(a, b)
	}
	g.claim(c)
	g.add(Op{Op: "rename", From: a, To: b}, Op{Op: "rename", From: b, To: c})
	g.move(b, c)
	g.move(a, b)
	g.renames += 2
	return true
}

// backup renames a file away and writes a new one in its place.
func (g *gen) backup() bool {
	p, ok := g.existingOf(File)
	if !ok {
		return false
	}
	g.claim(p)
	to, ok := g.free()
	if !ok {
		return g.giveUp(p)
	}
	g.claim(to)
	o := Op{Op: "write", Path: p}
	n := g.newFile(&o)
	g.add(Op{Op: "rename", From: p, To: to}, o)
	g.move(p, to)
	g.now[p] = n
	g.renames += 2
	return true
}

func (g *gen) moveFolder() bool {
	_, _, ok := g.moved()
	return ok
}

// moved renames a folder to a free name.
func (g *gen) moved() (from, to string, ok bool) {
	if from, ok = g.existingOf(Folder); !ok {
		return from, to, false
	}
	g.claim(from)
	if to, ok = g.free(); !ok {
		return from, to, g.giveUp(from)
	}
	g.claim(to)
	g.add(Op{Op: "rename", From: from, To: to})
	g.move(from, to)
	g.renames++
	return from, to, true
}

// moveFolderAndFill puts a file, a link or a new folder where a folder was that is renamed away.
func (g *gen) moveFolderAndFill() bool {
	if g.o.NoExchange {
		return false
	}
	from, _, ok := g.moved()
	if !ok {
		return false
	}
	switch g.IntN(3) {
	case 0:
		o := Op{Op: "write", Path: from}
		g.now[from] = g.newFile(&o)
		g.add(o)
	case 1:
		n := g.link("moved")
		g.add(Op{Op: "symlink", Path: from, Target: n.Text})
		g.now[from] = n
	default:
		g.add(Op{Op: "mkdir", Path: from})
		g.now[from] = g.node(Folder, 0o755)
	}
	g.renames++
	return true
}
