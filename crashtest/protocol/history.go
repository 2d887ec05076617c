package protocol

// history is what a recovery has to put in order there. It is recovery/history.go.
type history struct {
	stray  set  // belongs in history/, but a power cut has taken back that it went there
	lost   set  // there, and no record speaks of it
	undone bool // A is there, and B, which has undone it, is too
}

func (m *machine) lookAtHistory() (h history) {
	if !m.history {
		return h
	}
	for tx, r := range m.s.journal.seen {
		there := m.look(inHistory(tx)) != none
		switch {
		case r == kept && !there && m.look(staged(tx)) != none && m.bug != StraySwept:
			h.stray.add(uint8(tx))
		case r == absent && there:
			h.lost.add(uint8(tx))
		}
	}
	h.undone = m.undone()
	return h
}

func (m *machine) undone() bool {
	b := m.s.journal.seen[1]
	ended := b == kept || b == decided && m.look(inHistory(1)) != none
	return m.undo && ended && m.look(inHistory(0)) != none && m.bug != UndoneStays
}

func (m *machine) sortHistory(h history) {
	for tx := range 2 {
		if h.stray.has(uint8(tx)) {
			m.at("recover: back to history", tx, -1)
			m.s.rename(staged(tx), inHistory(tx))
			m.s.put(owner(tx), none)
		}
	}
	if m.history && m.undone() { // by now, perhaps
		m.at("recover: drop what is undone", -1, -1)
		m.s.rename(inHistory(0), trashed(0))
	}
	for tx := range 2 {
		if h.lost.has(uint8(tx)) {
			m.at("recover: keep what is lost", tx, -1)
			m.s.rename(inHistory(tx), keptStage(tx))
			m.s.sync(keptDir)
			m.s.sync(historyDir)
		}
	}
}

// dropHistory takes out of history/ what is there before B, which is one more than is kept, or undone.
func (m *machine) dropHistory(tx int) {
	if !m.history || tx == 0 || m.s.disk.seen[inHistory(0)] == none {
		return
	}
	m.at("drop history", tx, -1)
	m.s.rename(inHistory(0), trashed(0))
}

// keptBy is where the stage folder of A has what step i took out of the tree.
func (m *machine) keptBy(i int) slot {
	if m.noswap || m.a[i].kind == remove {
		return oldName(0, i)
	}
	return newName(0, i)
}

// asLeft says that an undo finds a target as A has left it, and what it needs in history/.
func (m *machine) asLeft(st step, dir, t inode) bool {
	s := st.at.in(dir)
	if m.s.disk.seen[inHistory(0)] != stageA || m.s.last != 1 || t != m.s.after[s] || m.s.edited.has(uint8(t)) {
		return false
	}
	return st.takes == 0 || m.s.disk.seen[m.keptBy(int(st.takes-1))] != none
}

// checkHistory wants what the last transaction has replaced to be there for an undo, and what was undone to be gone.
func (m *machine) checkHistory() {
	if !m.history || m.s.last == 0 || m.s.refusals > 0 || m.s.acts > 0 {
		return
	}
	if m.undo && m.s.outcome[1] == isNew && m.s.disk.seen[inHistory(0)] != none {
		m.violate("history", "A is undone, and still in the history")
	}
	for tx := range 2 {
		if m.s.outcome[tx] != isNew || tx == 0 && m.s.outcome[1] != isOld && m.s.last > 1 {
			continue
		}
		if m.s.disk.seen[inHistory(tx)] != stageA+inode(tx) {
			m.violate("history", "%c cannot be undone: it is not in the history", 'A'+tx)
		}
		for i, st := range m.steps(tx) {
			old := m.s.record[tx].old[i].inode
			if old == none || st.kind != install && st.kind != remove || m.s.record[tx].dropped[i] {
				continue
			}
			if m.s.disk.seen[newName(tx, i)] != old && m.s.disk.seen[oldName(tx, i)] != old {
				m.violate("history", "%c cannot be undone: %v is lost", 'A'+tx, old)
			}
		}
	}
}
