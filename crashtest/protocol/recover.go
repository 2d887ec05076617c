package protocol

// recover is recovery.Env.Look and Recover: it ends every unfinished transaction but the live one, and sweeps. It
// returns the records that the next put deletes, and whether it came to its end.
func (m *machine) recover(live int) (finished, unsynced set, ok bool) {
	m.freeze()
	todo, finished, unsynced := m.lookAtRecords()
	h := m.lookAtHistory()
	dead := m.deadStages(todo|h.stray, live)
	if todo == 0 && dead == 0 && h == (history{}) {
		m.noRecord(live)
		m.s.clean = true
		return finished, unsynced, true
	}
	m.at("recover: settle", -1, -1)
	if todo != 0 {
		m.p.viewed = true
	}
	if m.bug != NoSettle && m.bug != NoSettleInRecovery {
		if m.refused("settle", 0, 0, false) {
			return 0, 0, false
		}
		m.settle()
	}
	m.noRecord(live)
	for tx := range 2 {
		if !todo.has(uint8(tx)) {
			continue
		}
		m.at("recover", tx, -1)
		stays, ok := m.endOne(tx, todo)
		switch {
		case !ok:
			return 0, 0, false
		case stays && m.process[tx]:
			unsynced.add(uint8(tx))
		case stays:
			finished.add(uint8(tx))
		}
	}
	m.at("recover: sweep", -1, -1)
	for tx := range 2 {
		if dead.has(uint8(tx)) {
			m.s.removeAll(staged(tx))
			m.s.put(owner(tx), none)
		}
	}
	m.sortHistory(h)
	m.s.clean = true
	m.recovered()
	return finished, unsynced, true
}

// lookAtRecords sorts the records: those that are to be ended, and those that have ended.
func (m *machine) lookAtRecords() (todo, finished, unsynced set) {
	for tx, r := range m.s.journal.seen {
		switch {
		case r == absent:
		case r == kept:
			m.end(tx, isNew)
			if m.look(inHistory(tx)) == none && m.look(staged(tx)) == none {
				finished.add(uint8(tx)) // dropped
			}
		case m.look(staged(tx)) != none, r != decided, m.rebooted(tx):
			todo.add(uint8(tx))
		case m.process[tx]:
			unsynced.add(uint8(tx))
			m.end(tx, isNew)
		default:
			finished.add(uint8(tx))
			m.end(tx, isNew)
		}
	}
	return todo, finished, unsynced
}

func (m *machine) rebooted(tx int) bool {
	return m.process[tx] && m.s.record[tx].rebooted && m.bug != ProcessRedone
}

// deadStages finds what lies in stage/ without a record or a live process.
func (m *machine) deadStages(known set, live int) (dead set) {
	if m.bug == KeptOwnerStays {
		for tx, r := range m.s.journal.seen {
			if r == kept {
				known.add(uint8(tx))
			}
		}
	}
	for tx := range 2 {
		there := m.look(staged(tx)) != none || m.look(owner(tx)) != none
		if there && tx != live && !known.has(uint8(tx)) {
			dead.add(uint8(tx))
		}
	}
	return dead
}

// noRecord notes for the oracle that what has no durable record never took effect.
func (m *machine) noRecord(live int) {
	for tx := range 2 {
		if tx != live && m.s.tried[tx] && m.s.outcome[tx] == open && m.s.journal.seen[tx] == absent {
			m.end(tx, map[bool]outcome{true: isNew, false: isOld}[m.s.done[tx]])
		}
	}
}

// endOne ends one unfinished transaction. stays says that its record is still there.
func (m *machine) endOne(tx int, todo set) (stays, ok bool) {
	switch {
	case m.s.journal.seen[tx] == abandoned:
		return false, m.abandonStage(tx)
	case m.rebooted(tx):
		return false, m.verify(tx, todo)
	case m.s.disk.seen[staged(tx)] == none: // aborting: undone but for the record
		m.end(tx, isOld)
		return false, m.forget(tx)
	}
	r := m.openRun(tx)
	switch r.resume() {
	case cannot:
		return false, false
	case undone:
		return false, true
	}
	if !r.finish() {
		return false, false
	}
	m.end(tx, isNew)
	return m.s.journal.seen[tx] != absent, true
}

// mayAbandon says that there is an unfinished transaction that a user may give up.
func (m *machine) mayAbandon() bool {
	s := &m.s
	return s.journal.seen[0] == aborting || s.journal.seen[0] == decided && s.disk.seen[staged(0)] != none
}

// giveUp is recover --abandon.
func (m *machine) giveUp() {
	m.say("a user abandons A")
	m.p = process{live: -1, viewed: true}
	m.freeze()
	m.s.frozen = true
	if m.bug != AbandonNotPut && !m.setState(0, abandoned) {
		panic(exited{})
	}
	m.at("abandon", 0, -1)
	if !m.abandonStage(0) {
		panic(exited{})
	}
	m.p = process{}
	m.checkAll()
	m.checkUnchanged()
}

// abandonStage keeps what is left of a stage folder, and deletes the record.
func (m *machine) abandonStage(tx int) bool {
	if m.s.outcome[tx] == open {
		m.s.outcome[tx] = isGivenUp
	}
	if m.refused("keep the stage folder", tx, 0, false) {
		return false
	}
	if m.s.disk.seen[staged(tx)] != none {
		m.s.rename(staged(tx), keptStage(tx))
	}
	m.at("abandon: sync", tx, -1)
	m.s.sync(keptDir)
	m.s.sync(stageDir)
	m.s.put(owner(tx), none)
	return m.forget(tx)
}

// verify looks after a restart at a transaction of level process.
func (m *machine) verify(tx int, todo set) bool {
	intact := true
	for i := range m.steps(tx) {
		if tx == 0 && todo.has(1) && m.overtaken(i) {
			continue
		}
		intact = m.verified(tx, i, todo) && intact
	}
	m.s.outcome[tx] = isTorn
	m.checkTorn(tx, intact, todo)
	return m.abandonStage(tx)
}

// overtaken says that a step of A was overtaken by one of B.
func (m *machine) overtaken(i int) bool {
	for _, st := range m.b {
		if st.at%3 == m.a[i].at%3 {
			return true
		}
	}
	return false
}

// verified says that a step is in place, or was overtaken by somebody else.
func (m *machine) verified(tx, i int, todo set) bool {
	r, st := &m.s.record[tx], m.steps(tx)[i]
	run := m.openRun(tx)
	dir, found := run.parent(i, st.at, r.parent[i])
	if r.dropped[i] {
		return true
	}
	if found != fine {
		return false
	}
	t := m.target(st.at, dir)
	switch st.kind {
	case install:
		if t != r.staged[i] {
			return t != none && t != r.old[i].inode && !m.earlier(tx, st.at, t, todo)
		}
		in := m.walkOf(t)
		return !m.s.torn.has(uint8(t)) && in.inside == r.walk[i].inside && !m.s.torn.has(uint8(in.inside))
	case chmod:
		return !m.earlier(tx, st.at, t, todo) && (t != r.old[i].inode || m.s.disk.seen[modeOf(t)] != r.mode[i])
	}
	return t != r.old[i].inode && !m.earlier(tx, st.at, t, todo)
}

// earlier says that t was at a path before an earlier transaction of level process, which a restart has taken back.
func (m *machine) earlier(tx int, at place, t inode, todo set) bool {
	if tx == 0 || !todo.has(0) || m.bug == EarlierOverlooked {
		return false
	}
	for i, st := range m.a {
		if st.at == at && t != none && m.s.record[0].old[i].inode == t {
			return true
		}
	}
	return false
}
