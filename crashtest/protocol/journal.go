package protocol

// settle makes durable what can be seen of the journal, unless this process knows that it is.
func (m *machine) settle() {
	if !m.p.settled {
		m.s.journal.durable = m.s.journal.seen
		m.s.journal.reused = false
	}
	m.p.settled = true
}

// update is one bbolt transaction: first everything seen is made durable, then the change is written, and can be seen,
// then it is synced. With sync false the last part fails.
func (m *machine) update(what string, tx int, sync bool, change func(*records)) {
	switch {
	case m.bug == NoSettle:
		if m.s.journal.durable != m.s.journal.seen {
			m.s.journal.reused = true // bbolt takes pages that it thinks nobody needs
		}
	case m.bug == NoSettleInRecovery:
		m.p.settled = false
		m.settle()
	default:
		m.settle()
	}
	change(&m.s.journal.seen)
	m.p.settled = false
	m.say("journal: %s, seen but not durable", what)
	if !sync {
		return
	}
	m.at("journal: "+what, tx, -1)
	if m.bug == NoBarrier2 {
		m.p.settled = true
		return
	}
	m.s.journal.durable, m.s.journal.reused = m.s.journal.seen, false
	m.p.settled = true
}

// setState and forget fail where the kernel refuses the write, or the sync after it.
func (m *machine) setState(tx int, to recordState) bool {
	return m.updateUnlessRefused("put "+to.String(), tx, func(r *records) { r[tx] = to })
}

func (m *machine) forget(tx int) bool {
	return m.updateUnlessRefused("delete the record", tx, func(r *records) { r[tx] = m.ended(r[tx]) })
}

// ended is what becomes of a record that is deleted: that of a finished transaction which is kept for undo stays.
func (m *machine) ended(r recordState) recordState {
	if m.history && r == decided && m.bug != KeptDeleted {
		return kept
	}
	return absent
}

func (m *machine) updateUnlessRefused(what string, tx int, change func(*records)) bool {
	if m.refused(what, tx, 0, false) {
		return false
	}
	unsynced := m.refused(what+", the sync", tx, 0, false)
	m.update(what, tx, !unsynced, change)
	return !unsynced
}
