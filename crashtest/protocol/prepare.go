package protocol

// prepare looks at everything again and puts the record together. It is one look here: whatever comes right after it
// might have come in its midst.
func (m *machine) prepare(tx int) bool {
	r := &m.s.record[tx]
	*r = record{}
	for i, st := range m.steps(tx) {
		if !m.prepareStep(tx, i, st, r) {
			return false
		}
	}
	m.s.last = uint8(tx + 1)
	copy(m.s.before[:], m.s.disk.seen[:treeSlots])
	m.s.after = m.s.before
	for i, st := range m.steps(tx) {
		m.foresee(i, st, r)
	}
	return true
}

func (m *machine) prepareStep(tx, i int, st step, r *record) (ok bool) {
	if r.parent[i], ok = m.folderOf(st.at, tx); !ok {
		return false
	}
	t := m.target(st.at, r.parent[i])
	r.old[i] = m.entry(t)
	if m.expect && !m.expected(t, tx) || m.undo && tx == 1 && !m.asLeft(st, r.parent[i], t) {
		return false
	}
	switch st.kind {
	case install:
		return m.prepareInstall(tx, i, st, r)
	case remove:
		r.staged[i] = stagedInode(tx, i)
		if t == none || m.isFolder(t) != m.isFolder(r.staged[i]) || st.empty && m.walkOf(t) != (walk{}) {
			return false
		}
		r.relinked[i] = m.links(t) > 1 || m.renames(tx, st.at)
	case chmod:
		if modeOf(t) == noSlot {
			return false
		}
		r.mode[i] = m.s.disk.seen[modeOf(t)]
	case move:
		if r.toParent[i], ok = m.folderOf(st.to, tx); !ok || !m.isFolder(t) {
			return false
		}
		return m.target(st.to, r.toParent[i]) == none || m.frees(tx, st.to)
	}
	return true
}

func (m *machine) prepareInstall(tx, i int, st step, r *record) bool {
	old := r.old[i].inode
	switch {
	case st.takes > 0:
		from := m.keptBy(int(st.takes - 1))
		r.staged[i] = m.s.disk.seen[from]
		r.edited[i] = m.s.edited.has(uint8(r.staged[i]))
		m.s.put(newName(tx, i), r.staged[i])
	case st.from == nowhere:
		r.staged[i] = stagedInode(tx, i)
	default:
		dir, ok := m.folderOf(st.from, tx)
		if !ok || m.target(st.from, dir) == none || m.isFolder(m.target(st.from, dir)) {
			return false
		}
		r.staged[i] = m.target(st.from, dir)
		r.dropped[i] = r.staged[i] == old
		r.edited[i] = m.s.edited.has(uint8(r.staged[i]))
		m.s.put(newName(tx, i), r.staged[i])
	}
	if st.inner != nowhere {
		dir, ok := m.folderOf(st.inner, tx)
		if !ok || m.target(st.inner, dir) == none {
			return false
		}
		m.s.put(inside(r.staged[i]), m.target(st.inner, dir))
	}
	r.walk[i] = m.walkOf(r.staged[i])
	if m.vacated(tx, i, st.at) {
		r.old[i] = entry{}
		old = none
	}
	if m.noswap && old != none {
		if m.isFolder(old) {
			return false
		}
		m.s.put(oldName(tx, i), old)
	}
	return true
}

// folderOf finds the folder of a path; one that comes with the transaction is staged.
func (m *machine) folderOf(p place, tx int) (inode, bool) {
	if m.s.disk.seen[p.top()] != dirP+inode(p%3) {
		return none, false
	}
	up, nested := p.above()
	if !nested {
		return dirP + inode(p), true
	}
	for i, st := range m.steps(tx) {
		if st.kind == install && st.folder && st.at == up {
			return stagedInode(tx, i), true
		}
	}
	dir := m.s.disk.seen[up.in(dirP+inode(up))]
	return dir, inside(dir) != noSlot && m.isFolder(dir)
}

// target is what is at a path, given its folder.
func (m *machine) target(p place, dir inode) inode {
	if s := p.in(dir); s != noSlot {
		return m.s.disk.seen[s]
	}
	return none
}

// frees says that a step of the transaction takes away what is at a path. vacated says that one before step i does.
func (m *machine) frees(tx int, p place) bool { return m.vacated(tx, len(m.steps(tx)), p) }

func (m *machine) vacated(tx, i int, p place) bool {
	for _, st := range m.steps(tx)[:i] {
		if st.at == p && (st.kind == move || st.kind == remove) {
			return true
		}
	}
	return false
}

// renames says that another step links the file at p to a new name.
func (m *machine) renames(tx int, p place) bool {
	for _, st := range m.steps(tx) {
		if st.from == p || st.inner == p {
			return true
		}
	}
	return false
}

func (m *machine) links(i inode) (n int) {
	for s := range slots {
		if !isMode(s) && m.s.disk.seen[s] == i {
			n++
		}
	}
	return n
}

// expected says that a condition on what is at a target holds: nobody but the other transaction has been there.
func (m *machine) expected(t inode, tx int) bool {
	return t < user0 && !m.s.edited.has(uint8(t)) && (t < newA0 || tx == 1 && m.s.outcome[0] == isNew)
}

// foresee notes what a step will have changed in the tree.
func (m *machine) foresee(i int, st step, r *record) {
	at := st.at.in(r.parent[i])
	switch st.kind {
	case install:
		m.s.after[at] = r.staged[i]
	case remove:
		m.s.after[at] = none
	case chmod:
		m.s.after[modeOf(r.old[i].inode)] = wantedMode
	case move:
		m.s.after[st.to.in(r.toParent[i])] = r.old[i].inode
		m.s.after[at] = none
	}
}

const (
	firstMode  inode = 5
	usersMode  inode = 6
	wantedMode inode = 7
)
