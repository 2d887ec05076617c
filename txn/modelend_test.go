//go:build unix

package txn_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/txn/manifest"
)

// parents claims the missing parents of everything new.
func (m *model) parents() {
	for _, c := range slices.Clone(m.claims) {
		if c.role == 'm' || c.role == 'f' || c.role == 'g' {
			continue
		}
		for dir, _ := modelSplit(c.path); dir != ""; dir, _ = modelSplit(dir) {
			if m.was.at(dir) == nil && !m.made(dir) {
				m.claim(-1, dir, 'd', modelFolder(0o777&^m.umask))
			}
		}
	}
}

// made says that an op makes a folder at a path.
func (m *model) made(path string) bool {
	return slices.ContainsFunc(m.claims, func(c modelClaim) bool { return c.path == path && c.role == 'd' })
}

func (m *model) clashes() {
	at := map[string][]modelClaim{}
	for _, c := range m.claims {
		at[c.path] = append(at[c.path], c)
	}
	for _, cs := range at {
		m.together(cs)
	}
	for _, c := range m.claims {
		for dir, _ := modelSplit(c.path); dir != ""; dir, _ = modelSplit(dir) {
			for _, up := range at[dir] {
				replaced := up.role == 'd' && len(at[dir]) > 1 // a new folder in the place of one that is taken away
				if up.op == c.op && (up.role == 'd' || up.role == 'm') {
					continue
				}
				if up.role == 'f' || up.role == 'g' || up.role == 'n' || replaced && m.was.at(dir) != nil {
					if !(up.role == 'f' || up.role == 'g') || !m.sameTree(c, at[dir]) {
						m.fault(faultInvalid)
					}
				}
			}
		}
	}
}

// pruned refuses what another op wants below a tree that is pruned, whether or not it is there already.
func (m *model) pruned() {
	for i, o := range m.ops {
		top, ok := "", true
		if o.Kind == manifest.Tree && o.Path != "." {
			top, ok = m.was.resolve(o.Path, !m.froms[o.Path])
		}
		if o.Kind != manifest.Tree || !o.Prune || !ok {
			continue
		}
		for _, c := range m.claims {
			rel, below := strings.CutPrefix(c.path, modelJoin(top, ""))
			if top == "" {
				rel, below = c.path, true
			}
			if below && c.op != i && (c.role == 'n' || c.role == 'd' || c.role == 'm') && !modelSpares(o, rel) {
				m.fault(faultInvalid)
			}
		}
	}
}

func modelSpares(o manifest.Op, rel string) bool {
	for ; rel != ""; rel, _ = modelSplit(rel) {
		if modelExcludes(o, rel) {
			return true
		}
	}
	return false
}

// sameTree says that c comes with the tree op that makes the folder at an ancestor: what was there is gone, but the
// entries of the tree do not mean it.
func (m *model) sameTree(c modelClaim, up []modelClaim) bool {
	return slices.ContainsFunc(up, func(u modelClaim) bool { return u.role == 'd' && u.op == c.op })
}

// together judges the claims of one path: a single one, or something that is taken away and something that comes.
func (m *model) together(cs []modelClaim) {
	var new, old []modelClaim
	for _, c := range cs {
		if c.role == 'f' || c.role == 'g' {
			old = append(old, c)
		} else {
			new = append(new, c)
		}
	}
	for i := range new {
		m.onto(new[i], old)
	}
	if len(old) > 1 || len(new) > 1 {
		m.fault(faultInvalid)
	}
	if len(old) == 1 && len(new) == 1 && (new[0].role == 'm' || old[0].role == 'g' && !new[0].to) {
		m.fault(faultInvalid)
	}
}

// onto refuses a rename onto what stays.
func (m *model) onto(c modelClaim, old []modelClaim) {
	n := m.was.at(c.path)
	if !c.to || n == nil || len(old) > 0 {
		return
	}
	if n.kind == 'd' || c.node.kind == 'd' || !m.ops[c.op].Replace {
		m.fault(faultOther)
	}
}

// circles refuses folders that are renamed in a circle.
func (m *model) circles() {
	to := map[string]string{}
	for _, c := range m.claims {
		if c.to && c.node.kind == 'd' {
			from, _ := m.was.resolve(m.ops[c.op].From, false)
			to[from] = c.path
		}
	}
	for from := range to {
		p := to[from]
		for range to {
			if p == from {
				m.fault(faultInvalid)
			}
			p = to[p]
		}
	}
}

// after makes the new tree: first all goes that is taken away, then all comes, folders before what is in them.
func (m *model) after() *modelNode {
	now := m.was.clone()
	for _, c := range m.claims {
		if c.role == 'm' && c.mode >= 0 {
			now.at(c.path).mode = uint32(c.mode)
		}
	}
	slices.SortStableFunc(m.claims, func(a, b modelClaim) int {
		return cmp.Compare(strings.Count(a.path, "/"), strings.Count(b.path, "/"))
	})
	moved := map[string]*modelNode{}
	for _, c := range m.claims {
		if c.to {
			from, _ := m.was.resolve(m.ops[c.op].From, false)
			moved[c.path] = now.at(from)
		}
	}
	for _, c := range m.claims {
		if c.role == 'f' || c.role == 'g' {
			if dir, _ := modelSplit(c.path); now.at(dir) != nil && now.at(dir).kind == 'd' {
				now.put(c.path, nil)
			}
		}
	}
	for _, c := range m.claims {
		switch {
		case c.to:
			now.put(c.path, moved[c.path])
		case c.role == 'n' || c.role == 'd':
			now.put(c.path, c.node)
		}
	}
	return now
}
