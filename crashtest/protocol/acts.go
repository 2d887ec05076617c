package protocol

// act lets a user or a foreign program act, if it can here. What it does is not synced: a power cut may take it back.
func (m *machine) act(a act, where string) bool {
	before := m.s.visible()
	ok := m.doAct(a)
	if !ok {
		return false
	}
	m.s.acts++
	m.p.acted = true
	m.s.released |= before &^ m.s.visible()
	if m.s.frozen {
		copy(m.s.asFound[:], m.s.disk.seen[:treeSlots])
	}
	m.say("%s: a user acts: %v", where, a)
	return true
}

func (a act) String() string {
	at, to := a.at.String(), a.to.String()
	return [...]string{
		"replaces " + at, "deletes " + at, "edits " + at + " in place", "mv " + at + " " + to,
		"ln -f " + at + " " + to, "ln p/a p/a2", "mv p/a2 p/a", "chmod " + at, "makes " + at + "/x", "mv p z", "mv p/a p/a2",
	}[a.kind]
}

func (m *machine) doAct(a act) bool {
	s := &m.s
	at, to := m.userSlot(a.at), m.userSlot(a.to)
	if at == noSlot || to == noSlot && (a.kind == shift || a.kind == linkTo) {
		return false
	}
	t := s.disk.seen[at]
	switch a.kind {
	case replace:
		return m.userFile(at)
	case fill:
		if in := inside(t); in != noSlot && m.isFolder(t) {
			return m.userFile(in)
		}
		return false
	case setMode:
		return modeOf(t) != noSlot && m.userPut(modeOf(t), usersMode)
	case edit:
		if t == none || m.isFolder(t) {
			return false
		}
		s.edited.add(uint8(t))
		s.released.drop(uint8(t))
		return true
	case shiftTop:
		return m.userMove(atP, atZ)
	case aside:
		return s.disk.seen[atA] != none && s.disk.seen[atA2] == none && !m.isFolder(s.disk.seen[atA]) &&
			m.userPut(atA2, s.disk.seen[atA])
	case back:
		return m.userMove(atA2, atA)
	case nextTo:
		return s.disk.seen[atA2] == none && m.userMove(atA, atA2)
	case shift:
		return m.userMove(at, to)
	case linkTo:
		return t != none && t != s.disk.seen[to] && !m.isFolder(t) && m.userPut(to, t)
	}
	return t != none && m.userRemove(at) // unlink
}

// userSlot follows a path; a moved p is found where it is.
func (m *machine) userSlot(p place) slot {
	up, nested := p.above()
	switch {
	case p == nowhere:
		return noSlot
	case !nested:
		return p.in(none)
	}
	return inside(m.s.disk.seen[up.in(none)])
}

// userPut gives a name or mode another value.
func (m *machine) userPut(s slot, i inode) bool {
	if m.s.disk.seen[s] == i {
		return false
	}
	m.touch(s)
	m.s.relinked = m.s.relinked || !isMode(s) && i != none && i < user0
	m.s.put(s, i)
	return true
}

// touch notes that a user changes a name. What he overwrites where a transaction has just brought it he gives up, even if
// its old name is still there: it is about to go.
func (m *machine) touch(s slot) {
	m.s.touched.add(uint8(s))
	i := m.s.disk.seen[s]
	if s >= modeFirst || i == none {
		return
	}
	if m.s.last > 0 && m.s.after[s] == i && m.s.before[s] != i {
		m.s.released.add(uint8(i))
	}
	if modeOf(i) != noSlot {
		m.s.touched.add(uint8(modeOf(i))) // a chmod may not find it any more
	}
	if m.s.last == 0 {
		return
	}
	for in := insideFirst + 3; in < modeFirst; in++ {
		if m.s.before[s] == i && m.s.disk.seen[in] == i {
			m.s.overwritten.add(uint8(i)) // a new folder brings it: if that goes, this goes with it
		}
	}
	if m.undo && m.s.before[s] == i && m.links(i) > 1 {
		m.s.overwritten.add(uint8(i)) // an undo brings it back elsewhere: if that fails, only the history has it
	}
	for to := range treeSlots {
		if (m.s.after[to] == i || m.s.before[to] == i) && m.isFolder(i) {
			m.s.excused.add(uint8(to)) // recovery may not find it to be moved there, or back
		}
	}
}

func (m *machine) userMove(from, to slot) bool {
	i := m.s.disk.seen[from]
	if i == none || i == m.s.disk.seen[to] || m.isFolder(m.s.disk.seen[to]) {
		return false
	}
	m.touch(from)
	m.touch(to)
	if m.s.last > 0 && to < treeSlots && m.s.before[to] == i {
		m.s.byHand.add(uint8(i))
	} else {
		m.s.released.drop(uint8(i))
	}
	m.s.relinked = true
	m.s.rename(from, to)
	return true
}

// userFile puts a new file at a name. With reused numbers it gets that of the file that it replaces.
func (m *machine) userFile(s slot) bool {
	if m.s.made == 3 || m.isFolder(m.s.disk.seen[s]) {
		return false
	}
	old := m.s.disk.seen[s]
	i := user0 + inode(m.s.made)
	m.s.made++
	m.touch(s)
	if m.reused && old != none && m.links(old) == 1 {
		m.s.numbers[i-user0] = m.number(old)
	}
	m.s.put(s, i)
	return true
}

// userRemove is rm -r.
func (m *machine) userRemove(s slot) bool {
	i := m.s.disk.seen[s]
	if in := inside(i); in != noSlot && m.isFolder(i) {
		m.touch(in)
	}
	m.touch(s)
	m.s.removeAll(s)
	return true
}
