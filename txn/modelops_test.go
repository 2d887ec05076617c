//go:build unix

package txn_test

import (
	"crypto/sha256"
	"strings"

	"github.com/txcommit/txcommit/txn/manifest"
)

// check makes the claims of the ops, and returns the classes of all that is wrong with them.
func (m *model) check() map[modelFault]bool {
	m.faults, m.froms, m.claims = map[modelFault]bool{}, map[string]bool{}, nil
	m.said()
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
	m.pruned()
	m.circles()
	return m.faults
}

// said finds what is wrong with the ops whatever the tree holds.
func (m *model) said() {
	at := map[string][]modelClaim{}
	for i, o := range m.ops {
		if o.Kind != manifest.Rename {
			role := byte('n')
			switch o.Kind {
			case manifest.Remove:
				role = 'g'
			case manifest.Chmod:
				role = 'm'
			}
			at[o.Path] = append(at[o.Path], modelClaim{op: i, role: role})
			continue
		}
		if o.From == o.To {
			m.fault(faultInvalid)
		}
		at[o.From] = append(at[o.From], modelClaim{op: i, role: 'f'})
		at[o.To] = append(at[o.To], modelClaim{op: i, role: 'n', to: true})
	}
	for _, cs := range at {
		if len(cs) > 2 || len(cs) == 2 && !twoOnOnePath(cs[0], cs[1]) && !twoOnOnePath(cs[1], cs[0]) {
			m.fault(faultInvalid)
		}
	}
}

// above accepts that a path which does not lead anywhere is blamed on another op, one that ends above it.
func (m *model) above(p string) {
	for _, o := range m.ops {
		if o.Kind != manifest.Mkdir && o.Kind != manifest.Chmod && o.Kind != manifest.Tree &&
			(o.Path != "" && strings.HasPrefix(p, o.Path+"/") || o.Path == "" && (strings.HasPrefix(p, o.From+"/") || strings.HasPrefix(p, o.To+"/"))) {
			m.fault(faultInvalid)
		}
	}
}

// twoOnOnePath says that one op may take away what is at a path, and another put something there.
func twoOnOnePath(old, new modelClaim) bool {
	return old.role == 'f' && new.role == 'n' || old.role == 'g' && new.to
}

// locate resolves an op's path and evaluates its condition.
func (m *model) locate(o manifest.Op, p string, follow, conds bool) (string, *modelNode, bool) {
	at, ok := m.was.resolve(p, false)
	if ok && follow && !m.froms[at] { // a link that is renamed away is not gone through
		at, ok = m.was.resolve(p, true)
	}
	if !ok {
		m.fault(faultOther)
		m.above(o.Path)
		m.above(o.From)
		m.above(o.To)
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

// freshIn is fresh for an entry of a tree op: in a folder that makes room for a new one there is nothing.
func (m *model) freshIn(at, rel string) *modelNode {
	up, sub := at, rel
	for sub != "" {
		up, _ = modelSplit(up)
		sub, _ = modelSplit(sub)
		if m.froms[up] {
			return nil
		}
	}
	return m.fresh(at)
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
		m.chmod(i, at, mode) // in place: the inode stays
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
