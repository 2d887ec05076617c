package workload

import (
	"path"
	"strings"
)

// claimable says that no other motif of the step has to do with p, what is above it or what is below it. A soft claim
// is on a folder's mode only.
func (g *gen) claimable(p string, hard bool) bool {
	for c, cHard := range g.claims {
		switch {
		case c == p,
			cHard && strings.HasPrefix(p, c+"/"),
			hard && strings.HasPrefix(c, p+"/"):
			return false
		}
	}
	return true
}

func (g *gen) claim(paths ...string) {
	for _, p := range paths {
		g.claims[p] = true
	}
}

// existing picks a path that is there, can be claimed, and is as wanted.
func (g *gen) existing(wanted func(p string, n *Node) bool) (string, bool) {
	var fit []string
	for _, p := range g.was.Paths() {
		if path.Base(p) != "untouched" && !strings.HasPrefix(p, "still") && wanted(p, g.was[p]) && g.claimable(p, true) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return pick(g, fit...), true
}

func (g *gen) existingOf(kinds ...Kind) (string, bool) {
	return g.existing(func(_ string, n *Node) bool { return strings.ContainsRune(string(kindsOf(kinds)), rune(n.Kind)) })
}

func kindsOf(kinds []Kind) (s []byte) {
	for _, k := range kinds {
		s = append(s, byte(k))
	}
	return s
}

// free picks a path at which nothing is, in a folder that is there or is missing too.
func (g *gen) free() (string, bool) {
	for range 20 {
		dir := "."
		if d, ok := g.folderAt(); ok && g.chance(70) {
			dir = d
		}
		if g.chance(20) {
			dir = join(dir, pick(g, "m", "n", "o"))
			if g.chance(30) {
				dir = join(dir, pick(g, "m", "n", "o"))
			}
		}
		p := join(dir, pick(g, "a", "b", "c", "d", "e", "f", "g", "h"))
		if g.isFree(p) {
			return p, true
		}
	}
	return "", false
}

// folderAt picks a folder in which something may change.
func (g *gen) folderAt() (string, bool) {
	var fit []string
	for _, p := range g.was.Paths() {
		if g.was[p].Kind == Folder && p != "still" && g.claimable(p+"/?", true) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return pick(g, fit...), true
}

func (g *gen) isFree(p string) bool {
	if g.was[p] != nil || g.now[p] != nil || !g.claimable(p, true) {
		return false
	}
	for d := parent(p); d != "."; d = parent(d) {
		if n := g.was[d]; n != nil && n.Kind != Folder {
			return false
		}
	}
	return true
}

// put sets what is at p, and makes the folders that are missing above it.
func (g *gen) put(p string, n *Node) {
	for d := parent(p); d != "." && g.now[d] == nil; d = parent(d) {
		g.now[d] = g.node(Folder, 0o755)
	}
	g.now[p] = n
}

// move takes p with all below it to another path.
func (g *gen) move(from, to string) {
	all := Tree{}
	for _, q := range g.was.below(from) {
		all[to+q[len(from):]] = g.was[q]
		if g.now[q] == g.was[q] {
			delete(g.now, q)
		}
	}
	for _, q := range all.Paths() {
		g.put(q, all[q])
	}
}

func (g *gen) add(ops ...Op) { g.step.Ops = append(g.step.Ops, ops...) }
