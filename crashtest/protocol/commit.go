package protocol

// live is one life of a process: it opens the store, commits what was not tried yet, and is idle. An end before that is
// one with exit code 5.
func (m *machine) live() {
	m.at("start", -1, -1)
	m.checkDurable()
	if m.abandon && m.mayAbandon() && m.choose(2) == 1 {
		m.giveUp()
		return
	}
	m.session(-1)
	for tx := range 2 {
		if m.s.tried[tx] || len(m.steps(tx)) == 0 {
			continue
		}
		m.commit(tx)
	}
	m.at("idle", -1, -1)
}

// session is what each holder of the store's lock does first: it ends what others have left (txn.session.recover).
func (m *machine) session(tx int) (finished, unsynced set) {
	m.p = process{live: int8(tx + 1)}
	if m.s.disk.seen[atState] == none || !m.stored() {
		m.sweepUnmade(tx)
		return 0, 0
	}
	if m.s.journal.broken {
		m.violate("I1", "the journal cannot be read any more")
	}
	finished, unsynced, ok := m.recover(tx)
	if !ok {
		if !m.p.refused && !m.p.acted && !m.s.touched.has(uint8(atP)) && m.s.excused == 0 {
			m.violate("I4", "a recovery cannot end, though nobody is in its way")
		}
		panic(exited{})
	}
	return finished, unsynced
}

// stored says that there is a store: its format file is there, with a journal. Both are made under the lock.
func (m *machine) stored() bool { return !m.fresh || m.s.last > 0 }

// sweepUnmade deletes what dead processes have staged where there is no journal yet.
func (m *machine) sweepUnmade(live int) {
	for tx := range 2 {
		if tx != live && m.s.tried[tx] && m.s.outcome[tx] == open {
			m.s.removeAll(staged(tx))
			m.s.put(owner(tx), none)
			m.end(tx, isOld)
		}
	}
}

func (m *machine) commit(tx int) {
	m.at("stage", tx, -1)
	m.s.tried[tx] = true
	m.stage(tx)
	m.at("take the lock", tx, -1)
	finished, unsynced := m.session(tx)
	m.at("look and prepare", tx, -1)
	if !m.prepare(tx) {
		m.failEarly(tx)
		return
	}
	m.at("lock the view", tx, -1)
	m.p.viewed = true
	m.at("barrier 1", tx, -1)
	m.barrier1(tx)
	m.at("put", tx, -1)
	if m.refused("put, nothing is written", tx, 0, false) {
		m.failEarly(tx)
		return
	}
	m.commitPoint(tx, finished, unsynced)
	m.resumeFresh(tx)
	m.p = process{}
}

// stage makes the state folder if need be, the owner file, the stage folder, and in it what is new.
func (m *machine) stage(tx int) {
	m.p.live = int8(tx + 1)
	m.s.put(atState, stateDir)
	m.s.put(atStage, stageDir)
	m.s.put(owner(tx), ownerA+inode(tx))
	m.s.put(staged(tx), stageA+inode(tx))
	for i, st := range m.steps(tx) {
		n := stagedInode(tx, i)
		switch {
		case st.kind == install && !st.linked():
			m.s.put(newName(tx, i), n)
			if st.folder && !st.bare && st.inner == nowhere {
				m.s.put(inside(n), insideNewA+inode(tx))
			}
		case st.kind == remove:
			m.s.put(oldName(tx, i), n)
		}
	}
}

func (m *machine) failEarly(tx int) {
	m.s.removeAll(staged(tx))
	m.s.put(owner(tx), none)
	m.end(tx, isOld)
	m.p = process{}
	m.say("%c fails, nothing was done", 'A'+tx)
	m.checkAll()
}

// barrier1 makes durable what is staged, and each folder in which a name was made for it.
func (m *machine) barrier1(tx int) {
	if m.process[tx] {
		m.s.sync(stateDir, root)
		return
	}
	need := []inode{stageA + inode(tx), stateDir}
	if m.bug != DataNotSynced && m.bug != NamesNotDataSyncfs {
		need = append(need, insideNewA+inode(tx))
		need = append(need, m.s.record[tx].staged[:]...)
	}
	if m.history {
		need = append(need, historyDir)
	}
	if m.bug != StageNotSynced {
		need = append(need, stageDir)
	}
	if m.bug != RootNotSynced {
		need = append(need, root)
	}
	for i, dropped := range m.s.record[tx].dropped {
		if dropped && m.bug != DroppedNotSynced {
			need = append(need, m.s.record[tx].parent[i]) // the name that makes the step needless
		}
	}
	switch {
	case m.syncfs && m.bug == NoBarrier1Syncfs, !m.syncfs && m.bug == NoBarrier1:
	case m.syncfs && m.bug != NamesNotDataSyncfs:
		m.s.syncAll()
	default:
		m.s.sync(need...)
	}
	if m.bug != NoSettle {
		m.settle()
	}
}

// commitPoint is barrier 2.
func (m *machine) commitPoint(tx int, finished, unsynced set) {
	if !m.process[tx] {
		if m.bug != ProcessForgotten {
			m.syncRecords(unsynced)
		}
		finished |= unsynced
	}
	unknown := m.refused("put, nobody knows whether it is durable", tx, 0, false)
	m.update("put", tx, !unknown, func(r *records) {
		for o := range r {
			if finished.has(uint8(o)) {
				r[o] = m.ended(r[o])
			}
		}
		r[tx] = decided
	})
	if unknown {
		panic(exited{})
	}
}

// syncRecords makes durable what transactions of level process have done.
func (m *machine) syncRecords(unsynced set) {
	if unsynced != 0 {
		m.s.syncAll()
	}
}

// resumeFresh does steps 5 to 7.
func (m *machine) resumeFresh(tx int) {
	r := m.openRun(tx)
	r.fresh = true
	m.p.fresh = true
	for i, st := range m.steps(tx) {
		if r.rec.parent[i] < newA0 || r.rec.parent[i] >= stagedInode(1, 0) == (tx == 0) || st.kind == move {
			m.p.opened.add(uint8(i)) // but for folders that come with the transaction
		}
	}
	switch r.resume() {
	case cannot:
		panic(exited{})
	case undone:
		m.say("%c is reported as rolled back", 'A'+tx)
		m.p.viewed = false
		m.checkAll()
		return
	}
	m.at("finish", tx, -1)
	if r.finish() {
		m.dropHistory(tx)
	}
	m.at("acknowledge", tx, -1)
	m.end(tx, isNew)
	m.say("%c is acknowledged", 'A'+tx)
	m.p.viewed = false
	m.checkAll()
	m.at("empty the trash", tx, -1)
	if m.bug != TrashNotSynced {
		m.s.sync(trashDir) // a folder that came out of the tree goes name by name: its way here comes first
	}
	m.s.removeAll(trashed(0))
	m.s.removeAll(trashed(1))
}

// end notes how a transaction has ended, which must hold from now on.
func (m *machine) end(tx int, o outcome) {
	if was := m.s.outcome[tx]; was != open && was != o && was != isTorn && was != isGivenUp {
		m.violate("I2/I3", "%c was %v, and is %v now", 'A'+tx, was, o)
	}
	if m.s.outcome[tx] != open {
		return
	}
	m.s.outcome[tx] = o
	if o == isOld {
		m.s.released |= m.s.overwritten
	}
	m.s.overwritten = 0
}
