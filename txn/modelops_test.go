package txn_test

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/txcommit/txcommit/txn/manifest"
)

// run returns the tree after the ops, or the classes of all that is wrong with them. trees are the sources of tree ops
// by op.
func (m *model) run() (*modelNode, map[modelFault]bool) {
	m.faults, m.froms = map[modelFault]bool{}, map[string]bool{}
	for i, o := range m.ops {
		switch o.Kind {
		case manifest.Remove:
			m.remove(i, o)
		case manifest.Rename:
			m.rename(i, o)
		}
	}
	for i, o := range m.ops {
		m.other(i, o)
	}
	m.parents()
	m.clashes()
	m.circles()
	if len(m.faults) > 0 {
		return nil, m.faults
	}
	return m.after(), nil
}

// locate resolves an op's path and evaluates its condition.
func (m *model) locate(o manifest.Op, p string, follow, conds bool) (string, *modelNode, bool) {
	at, ok := m.was.resolve(p, follow)
	if !ok {
		m.fault(faultOther)
		return "", nil, false
	}
	n := m.was.at(at)
	dir, _ := modelSplit(at)
	if o.RequireParents && m.was.at(dir) == nil {
		m.fault(faultOther)
	}
	if !conds {
		return at, n, true
	}
	switch o.Expect.State {
	case manifest.ExpectAbsent:
		ok = n == nil
	case manifest.ExpectPresent:
		ok = n != nil
	case manifest.ExpectSHA256:
		ok = n != nil && n.kind == 'f' && sha256.Sum256([]byte(n.content)) == o.Expect.SHA256
	}
	if !ok {
		m.fault(faultConflict)
	}
	return at, n, true
}

func (m *model) remove(i int, o manifest.Op) {
	at, n, ok := m.locate(o, o.Path, false, true)
	switch {
	case !ok:
		return
	case n == nil && !o.MissingOK, n != nil && n.kind == 'd' && len(n.kids) > 0 && !o.Recursive:
		m.fault(faultOther)
	}
	m.froms[at] = true
	m.claim(i, at, 'g', nil)
}

func (m *model) rename(i int, o manifest.Op) {
	from, n, ok := m.locate(o, o.From, false, true)
	if !ok {
		return
	}
	if n == nil {
		m.fault(faultOther)
		return
	}
	to, _, ok := m.locate(o, o.To, false, false)
	if !ok {
		return
	}
	if from == to || n.kind == 'd' && strings.HasPrefix(to, from+"/") {
		m.fault(faultInvalid)
		return
	}
	m.froms[from] = true
	m.claim(i, from, 'f', nil)
	m.claims = append(m.claims, modelClaim{op: i, path: to, role: 'n', to: true, node: n, mode: -1})
}

// fresh returns what is at a path, and nil where another op takes it away.
func (m *model) fresh(at string) *modelNode {
	if m.froms[at] {
		return nil
	}
	return m.was.at(at)
}

func (m *model) other(i int, o manifest.Op) {
	switch o.Kind {
	case manifest.Write:
		at, _, ok := m.locate(o, o.Path, true, true)
		if ok {
			m.write(i, at, string(o.Content), o.Mode)
		}
	case manifest.Mkdir:
		at, _, ok := m.locate(o, o.Path, true, false)
		if ok {
			m.folder(i, at, o.Mode)
		}
	case manifest.Symlink:
		at, _, ok := m.locate(o, o.Path, false, true)
		if ok {
			m.link(i, at, o.Target)
		}
	case manifest.Chmod:
		at, n, ok := m.locate(o, o.Path, true, true)
		if ok && n == nil {
			m.fault(faultOther)
		} else if ok {
			m.chmod(i, at, o.Mode)
		}
	case manifest.Tree:
		at, ok := "", true
		if o.Path != "." {
			at, _, ok = m.locate(o, o.Path, true, false)
		}
		if ok {
			m.tree(i, o, m.trees[i], at, "")
		}
	}
}

func (m *model) write(i int, at, content string, mode manifest.Mode) {
	n := m.fresh(at)
	if n != nil && n.kind == 'd' {
		m.fault(faultOther)
		return
	}
	file := &modelNode{kind: 'f', mode: 0o666 &^ m.umask, content: content}
	if n != nil && n.kind == 'f' {
		file.mode = n.mode
	}
	if bits, ok := mode.Bits(); ok {
		file.mode = bits
	}
	if n != nil && n.kind == 'f' && n.content == content {
		m.chmod(i, at, manifest.ModeOf(file.mode)) // in place: the inode stays
		return
	}
	m.claim(i, at, 'n', file)
}

func (m *model) folder(i int, at string, mode manifest.Mode) {
	n := m.fresh(at)
	if n != nil && n.kind == 'd' {
		m.chmod(i, at, mode)
		return
	}
	if n != nil {
		m.fault(faultOther)
		return
	}
	f := modelFolder(0o777 &^ m.umask)
	if bits, ok := mode.Bits(); ok {
		f.mode = bits
	}
	m.claim(i, at, 'd', f)
}

func (m *model) link(i int, at, target string) {
	n := m.fresh(at)
	switch {
	case n != nil && n.kind == 'd':
		m.fault(faultOther)
	case n != nil && n.kind == 'l' && n.content == target:
		m.claim(i, at, 'm', nil)
	default:
		m.claim(i, at, 'n', &modelNode{kind: 'l', content: target})
	}
}

func (m *model) chmod(i int, at string, mode manifest.Mode) {
	c := modelClaim{op: i, path: at, role: 'm', mode: -1}
	if bits, ok := mode.Bits(); ok {
		c.mode = int(bits)
	}
	m.claims = append(m.claims, c)
}

func modelExcludes(o manifest.Op, rel string) bool {
	return slices.ContainsFunc(o.Exclude, func(g string) bool { return doublestar.MatchUnvalidated(g, rel) })
}

// tree claims that the folder at is like the source src, whose path in the whole source is rel.
func (m *model) tree(i int, o manifest.Op, src *modelNode, at, rel string) {
	n := m.fresh(at)
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
	n := m.fresh(at)
	if n != nil && n.kind == 'd' {
		if !o.Prune || !m.whole(o, n, rel) {
			m.fault(faultOther)
			return
		}
		n = nil
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

// whole says that nothing at or below n is excluded.
func (m *model) whole(o manifest.Op, n *modelNode, rel string) bool {
	if modelExcludes(o, rel) {
		return false
	}
	for name, k := range n.kids {
		if !m.whole(o, k, modelJoin(rel, name)) {
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
	case n.kind != 'd' || m.whole(o, n, rel):
		m.claim(i, at, 'g', nil)
	default:
		for _, name := range slices.Sorted(maps.Keys(n.kids)) {
			m.prune(i, o, modelJoin(at, name), modelJoin(rel, name))
		}
	}
}
