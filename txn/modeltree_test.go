//go:build unix

package txn_test

import (
	"maps"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/txcommit/txcommit/txn/manifest"
)

func modelExcludes(o manifest.Op, rel string) bool {
	return slices.ContainsFunc(o.Exclude, func(g string) bool { return doublestar.MatchUnvalidated(g, rel) })
}

// tree claims that the folder at is like the source src, whose path in the whole source is rel.
func (m *model) tree(i int, o manifest.Op, src *modelNode, at, rel string) {
	n := m.freshIn(at, rel)
	if at == "" {
		n = m.was
	}
	if n != nil && n.kind != 'd' && !o.Prune {
		m.fault(faultOther)
		return
	}
	switch {
	case at == "":
	case n != nil && n.kind == 'd':
		m.chmod(i, at, manifest.ModeOf(src.mode))
	default:
		m.claim(i, at, 'd', modelFolder(src.mode))
	}
	for _, name := range slices.Sorted(maps.Keys(src.kids)) {
		sub := modelJoin(rel, name)
		if !modelExcludes(o, sub) {
			m.treeEntry(i, o, src.kids[name], modelJoin(at, name), sub)
		}
	}
	if !o.Prune || n == nil || n.kind != 'd' {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		if src.kids[name] == nil || modelExcludes(o, modelJoin(rel, name)) {
			m.prune(i, o, modelJoin(at, name), modelJoin(rel, name))
		}
	}
}

func (m *model) treeEntry(i int, o manifest.Op, src *modelNode, at, rel string) {
	if src.kind == 'd' {
		m.tree(i, o, src, at, rel)
		return
	}
	n := m.freshIn(at, rel)
	if n != nil && n.kind == 'd' {
		if !o.Prune || !m.whole(o, n, at, rel) {
			m.fault(faultOther)
			return
		}
		n = nil
	}
	if n != nil && n.kind != src.kind && !o.Prune {
		m.fault(faultOther)
	}
	switch {
	case src.kind == 'l' && n != nil && n.kind == 'l' && n.content == src.content:
		m.claim(i, at, 'm', nil)
	case src.kind == 'l':
		m.claim(i, at, 'n', &modelNode{kind: 'l', content: src.content})
	case n != nil && n.kind == 'f' && n.content == src.content:
		m.chmod(i, at, manifest.ModeOf(src.mode))
	default:
		m.claim(i, at, 'n', &modelNode{kind: 'f', mode: src.mode, content: src.content})
	}
}

// whole says that nothing at or below n is excluded, but for what another op takes away.
func (m *model) whole(o manifest.Op, n *modelNode, at, rel string) bool {
	switch {
	case modelExcludes(o, rel):
		return false
	case m.froms[at]:
		return true
	}
	for name, k := range n.kids {
		if !m.whole(o, k, modelJoin(at, name), modelJoin(rel, name)) {
			return false
		}
	}
	return true
}

// prune claims that what is at a path goes, but for what is excluded and what another op takes away.
func (m *model) prune(i int, o manifest.Op, at, rel string) {
	n := m.was.at(at)
	switch {
	case modelExcludes(o, rel) || m.froms[at]:
	case n.kind != 'd' || m.whole(o, n, at, rel):
		m.claim(i, at, 'g', nil)
	default:
		for _, name := range slices.Sorted(maps.Keys(n.kids)) {
			m.prune(i, o, modelJoin(at, name), modelJoin(rel, name))
		}
	}
}
