package protocol

import "fmt"

// checkAll judges the tree after a recovery, and after each commit that has told its end.
func (m *machine) checkAll() {
	m.checkTree("I1")
	m.checkKept()
	m.checkContent()
	m.checkHistory()
}

// checkTree compares the tree with what it must hold: what it held before the newest transaction, or after it.
func (m *machine) checkTree(invariant string) {
	if m.s.last == 0 {
		return
	}
	want, what := &m.s.before, "old"
	switch m.s.outcome[m.s.last-1] {
	case isNew:
		want, what = &m.s.after, "new"
	case open, isTorn, isGivenUp:
		return
	}
	if s := m.differsFrom(want); s != noSlot {
		m.violate(invariant, "%c must be %s, but %v is %v instead of %v", 'A'+m.s.last-1, what, s, value(s, m.s.disk.seen[s]), value(s, want[s]))
	}
}

func value(s slot, i inode) any {
	if isMode(s) {
		return uint8(i)
	}
	return i
}

// differsFrom finds a name that no user has changed, and that is not as wanted.
func (m *machine) differsFrom(want *[treeSlots]inode) slot {
	there, excused := m.s.tree(), m.s.touched
	if m.p.live != int8(m.s.last) {
		excused |= m.s.excused
	}
	for s := range treeSlots {
		if m.s.disk.seen[s] == want[s] || excused.has(uint8(s)) || !there.has(uint8(folders[s])) {
			continue
		}
		if !m.lostByLevel(s) {
			return s
		}
	}
	return noSlot
}

// lostByLevel says that a transaction of level process has changed a name, and that a restart may have taken it back.
func (m *machine) lostByLevel(s slot) bool {
	for tx := range 2 {
		if m.s.outcome[tx] != isTorn && m.s.outcome[tx] != isGivenUp && !(m.process[tx] && m.s.record[tx].rebooted) {
			continue
		}
		if m.changes(tx, s) {
			return true
		}
	}
	return false
}

func (m *machine) changes(tx int, s slot) bool {
	r := &m.s.record[tx]
	for i, st := range m.steps(tx) {
		in := st.at.in(r.parent[i])
		moved := st.kind == move && st.to.in(r.toParent[i]) == s
		if in == s || moved || folders[s] == r.old[i].inode || folders[s] == r.staged[i] {
			return true
		}
	}
	return false
}

// checkView is what a reader relies on who finds the stamp clean and nobody in the way: the newest transaction is whole.
func (m *machine) checkView() {
	if m.s.last == 0 || m.s.outcome[m.s.last-1] == isTorn || m.s.outcome[m.s.last-1] == isGivenUp {
		return
	}
	if m.differsFrom(&m.s.before) != noSlot && m.differsFrom(&m.s.after) != noSlot {
		s := m.differsFrom(&m.s.before)
		panic(&Violation{
			Invariant: "View", point: m.points,
			Why: fmt.Sprintf("a reader finds the stamp clean and half of %c: %v is %v", 'A'+m.s.last-1, s, value(s, m.s.disk.seen[s])),
		})
	}
}

// checkDurable looks at the tree before anything is recovered: what was acknowledged is there.
func (m *machine) checkDurable() {
	if m.s.last != 0 && m.s.outcome[m.s.last-1] == isNew && !m.process[m.s.last-1] {
		m.checkTree("I2")
	}
}

// recovered judges a recovery that has come to its end.
func (m *machine) recovered() {
	if m.quiet {
		return
	}
	m.checkAll()
	m.checkLeft()
	m.checkUnchanged()
	m.checkAgain()
}

// freeze notes how a recovery has found the tree, and whether all had ended before.
func (m *machine) freeze() {
	if m.quiet {
		return
	}
	m.s.frozen = true
	for tx := range 2 {
		m.s.frozen = m.s.frozen && (!m.s.tried[tx] || m.s.outcome[tx] != open || int(m.p.live) == tx+1)
	}
	copy(m.s.asFound[:], m.s.disk.seen[:treeSlots])
}

// checkUnchanged wants a recovery in which nothing was to be done in the tree to have left it alone.
func (m *machine) checkUnchanged() {
	there := m.s.tree()
	for s := range treeSlots {
		if was := m.s.asFound[s]; m.s.frozen && was != m.s.disk.seen[s] && there.has(uint8(folders[s])) {
			m.violate("I9", "all had ended before, but recovery has changed %v from %v to %v", s, value(s, was), value(s, m.s.disk.seen[s]))
		}
	}
	m.s.frozen, m.s.asFound = false, [treeSlots]inode{}
}

// checkAgain recovers once more: nothing may change.
func (m *machine) checkAgain() {
	was, p, seen := m.s, m.p, m.seenSoFar
	m.quiet = true
	m.p = process{live: p.live}
	_, _, ok := m.recover(int(p.live) - 1)
	m.quiet = false
	again := m.s
	m.s, m.p, m.seenSoFar = was, p, seen
	for s := range slots {
		tree := s < treeSlots || s >= keptFirst
		if tree && again.disk.seen[s] != was.disk.seen[s] {
			m.violate("I4", "a second recovery changes %v from %v to %v", s, was.disk.seen[s], again.disk.seen[s])
		}
	}
	if !ok {
		m.violate("I4", "a second recovery does not end")
	}
}

// checkLeft finds what a recovery should have cleaned up, and what it has put aside though nobody has interfered.
func (m *machine) checkLeft() {
	for s := keptFirst; s < keptStage(0); s++ {
		if m.s.disk.seen[s] != none && m.s.acts == 0 && m.s.refusals == 0 {
			m.violate("I11", "%v is put aside, and nobody has touched it", m.s.disk.seen[s])
		}
	}
	for tx := range 2 {
		if m.history && m.s.disk.seen[keptStage(tx)] != none && m.s.outcome[tx] == isNew {
			m.violate("I11", "the folder of %c is put aside, though it has taken effect", 'A'+tx)
		}
		if int(m.p.live) == tx+1 {
			continue
		}
		if m.s.disk.seen[staged(tx)] != none || m.s.disk.seen[owner(tx)] != none {
			m.violate("I11", "the stage folder of %c is left", 'A'+tx)
		}
		if r := m.s.journal.seen[tx]; r == aborting || r == abandoned {
			m.violate("I4", "the record of %c is left, %v", 'A'+tx, r)
		}
	}
}

// checkKept finds what is lost: the content of users, and what was in the tree and no transaction has replaced.
func (m *machine) checkKept() {
	if m.process[0] && m.s.record[0].rebooted || m.process[1] && m.s.record[1].rebooted {
		return // after a restart nothing is promised
	}
	there := m.s.visible()
	for i := oldA; i < inodes; i++ {
		if there.has(uint8(i)) || m.s.released.has(uint8(i)) || !m.precious(i) || m.taken(i) {
			continue
		}
		m.violate("I5", "%v is lost", i)
	}
	for tx := range 2 {
		if m.s.outcome[tx] != isOld || m.s.relinked {
			continue
		}
		tree := m.s.tree()
		for i := range m.steps(tx) {
			if tree.has(uint8(stagedInode(tx, i))) {
				m.violate("I3", "%c has failed, but %v is in the tree", 'A'+tx, stagedInode(tx, i))
			}
		}
	}
}

// precious says that an inode holds what somebody wants: it was there at first, or a user has made or edited it.
func (m *machine) precious(i inode) bool {
	switch {
	case i <= oldC:
		return m.abc[i-oldA] != nothing
	case i <= insideC:
		return m.abc[i-insideA] == dir
	case i >= user0:
		return uint8(i-user0) < m.s.made
	}
	return m.s.edited.has(uint8(i))
}

// taken says that a transaction has replaced or removed what was recorded, exactly.
func (m *machine) taken(i inode) bool {
	for tx := range 2 {
		if o := m.s.outcome[tx]; o != isNew && o != isTorn && (o != open || !m.process[tx]) {
			continue
		}
		if m.takenBy(tx, i, m.s.edited.has(uint8(i))) {
			return true
		}
	}
	return false
}

func (m *machine) takenBy(tx int, i inode, edited bool) (taken bool) {
	r := &m.s.record[tx]
	for n, st := range m.steps(tx) {
		if r.staged[n] == i && st.linked() {
			return m.s.outcome[tx] == isTorn // it has another name now
		}
		e := r.old[n]
		recorded := e.inode == i && e.edited == edited || e.walk.inside == i && e.walk.edited == edited
		taken = taken || recorded && (st.kind == install || st.kind == remove || m.s.outcome[tx] == isTorn)
	}
	return taken
}

// checkContent finds files in the tree whose content a power cut has taken.
func (m *machine) checkContent() {
	torn := m.s.tree() & m.s.torn
	for i := range inodes {
		if !torn.has(uint8(i)) {
			continue
		}
		tx := 0
		if i >= newB0 && i <= newB2 || i == insideNewB {
			tx = 1
		}
		if !m.process[tx] {
			m.violate("I5", "%v is in the tree without its content", i)
		}
	}
}

// checkTorn wants a transaction of level process of which a restart has taken a part to be reported.
// Where the recovery was killed after it had ended A alone, nobody knows any more what A had replaced.
func (m *machine) checkTorn(tx int, intact bool, todo set) {
	if int(m.s.last) != tx+1 || !intact || tx == 1 && m.process[0] && !todo.has(0) {
		return
	}
	if s := m.differsFromAfter(tx); s != noSlot {
		m.violate("process", "%c is torn at %v, and nobody is told", 'A'+tx, s)
	}
}

func (m *machine) differsFromAfter(tx int) slot {
	there := m.s.tree()
	for s := range treeSlots {
		if m.changes(tx, s) && !(m.s.touched | m.s.excused).has(uint8(s)) && there.has(uint8(folders[s])) && m.s.disk.seen[s] != m.s.after[s] {
			return s
		}
	}
	return noSlot
}

// checkExpected finds a transaction that ends new although a condition had failed: what came out of the tree is not what
// was recorded, or what was to go is still there.
func (r *run) checkExpected() {
	m := r.m
	for i, st := range m.steps(r.tx) {
		name := newName(r.tx, i)
		if st.kind == remove {
			name = oldName(r.tx, i)
		}
		if r.rec.dropped[i] || st.kind == chmod || st.kind == move {
			continue
		}
		n, old := m.s.disk.seen[name], r.rec.old[i].inode
		kept := m.s.disk.seen[keptName(r.tx, i, 0)]
		if n != none && n != old && !(n == r.rec.staged[i] && st.linked()) || kept != none && kept != old {
			m.violate("I10", "%c ends new, but %v was in the way of step %d", 'A'+r.tx, max(n, kept), i)
		}
	}
}
