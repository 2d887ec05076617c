package protocol

// run is recovery.Run: a record that is being resumed.
type run struct {
	m     *machine
	tx    int
	rec   *record
	fresh bool // this very process saw the put succeed
}

// verdict is how a part of a run ends.
type verdict uint8

const (
	fine   verdict = iota
	refuse         // the transaction is to be undone
	cannot         // incomplete: it stays as it is
	undone
)

func (m *machine) openRun(tx int) *run {
	m.p.opened, m.p.hasty = 0, false
	return &run{m: m, tx: tx, rec: &m.s.record[tx]}
}

// parent returns the folder of a step's target. A handle that was opened leads there wherever the folder has gone.
func (r *run) parent(i int, p place, recorded inode) (inode, verdict) {
	if r.m.p.opened.has(uint8(i)) {
		return recorded, fine
	}
	if r.leadsTo(p) != recorded {
		return none, cannot
	}
	r.m.p.opened.add(uint8(i))
	return recorded, fine
}

// leadsTo follows the path of a target's folder.
func (r *run) leadsTo(p place) inode {
	m := r.m
	dir := m.look(p.top())
	up, nested := p.above()
	if !nested || dir == none {
		return dir
	}
	if dir != dirP+inode(up) {
		return none
	}
	dir = m.look(up.in(dir))
	if !m.isFolder(dir) {
		return none
	}
	return dir
}

// target looks at a name in a target's folder, whose path must still lead there.
func (r *run) target(i int, p place, recorded inode) (slot, verdict) {
	dir, v := r.parent(i, p, recorded)
	if v == fine && r.leadsTo(p) != recorded {
		v = cannot
	}
	if v != fine {
		return noSlot, r.unclear()
	}
	return p.in(dir), fine
}

// unclear is a look that fails: a fresh transaction is undone because of it, recovery stops.
func (r *run) unclear() verdict {
	if r.fresh {
		return refuse
	}
	return cannot
}

// differs is the answer to a target that is not as recorded.
func (r *run) differs() verdict {
	if !r.m.expects(r.tx) || r.m.bug == ExpectNotRechecked && !r.fresh {
		return fine
	}
	return refuse
}

func (r *run) resume() verdict {
	m := r.m
	if m.bug != NeverDirty {
		m.s.clean = false
	}
	if m.s.journal.seen[r.tx] == decided {
		switch r.redoAll() {
		case refuse:
			return r.abort()
		case cannot:
			return cannot
		}
		m.s.clean = true
		return r.settle()
	}
	return r.undoAll()
}

func (r *run) redoAll() verdict {
	for i := range r.m.steps(r.tx) {
		if r.rec.dropped[i] {
			continue
		}
		r.m.at("step", r.tx, i)
		if v := r.redo(i); v != fine {
			return v
		}
	}
	return fine
}

func (r *run) abort() verdict {
	r.m.at("abort", r.tx, -1)
	r.m.s.done[r.tx] = false
	if r.m.bug != AbortingNotPut && !r.m.setState(r.tx, aborting) {
		return cannot
	}
	return r.undoAll()
}

// undoAll takes all steps back in reverse, makes that durable, deletes the record, and only then says so.
func (r *run) undoAll() verdict {
	m := r.m
	for i := len(m.steps(r.tx)) - 1; i >= 0; i-- {
		if r.rec.dropped[i] {
			continue
		}
		m.at("undo", r.tx, i)
		if r.undo(i) != fine {
			return cannot
		}
	}
	m.s.clean = true
	if v := r.settleUndo(); v != fine {
		return v
	}
	m.end(r.tx, isOld)
	if !m.forget(r.tx) {
		return cannot
	}
	if !r.discard() {
		m.s.removeAll(staged(r.tx))
		m.s.put(owner(r.tx), none)
	}
	return undone
}

// settle is barrier 3 and what must follow it before the record may go.
func (r *run) settle() verdict {
	m := r.m
	if m.bug == RecordBeforeBarrier3 && r.hasty() && !m.forget(r.tx) {
		return cannot
	}
	if m.bug == MarkerBeforeBarrier3 {
		r.discard()
	}
	m.at("barrier 3", r.tx, -1)
	if !m.process[r.tx] {
		if m.refused("barrier 3", r.tx, 0, false) {
			return cannot
		}
		r.barrier()
	}
	if m.bug == DisplacedLate {
		return fine
	}
	return r.putAside()
}

func (r *run) settleUndo() verdict {
	m := r.m
	m.at("barrier 3 of the undo", r.tx, -1)
	if m.bug != UndoNotDurable {
		if m.refused("barrier 3 of the undo", r.tx, 0, false) {
			return cannot
		}
		r.barrier()
	}
	return r.putAside()
}

// barrier makes every folder durable in which a step has changed a name, on both sides, and changed modes.
func (r *run) barrier() {
	m := r.m
	switch {
	case m.syncfs && m.bug == NoBarrier3Syncfs, !m.syncfs && m.bug == NoBarrier3:
		return
	case m.syncfs:
		m.s.syncAll()
		return
	}
	var dirs []inode
	for i, st := range m.steps(r.tx) {
		if m.bug == OneFolder && i > 0 {
			break
		}
		d, v := r.parent(i, st.at, r.rec.parent[i])
		dirs = append(dirs, d)
		if st.kind == move {
			if v == fine && !r.fresh && r.leadsTo(st.to) != r.rec.toParent[i] {
				v = cannot
			}
			dirs = append(dirs, r.rec.toParent[i])
		}
		if v != fine && m.bug != MovedNotSynced {
			m.s.syncAll() // a folder that is not at its path any more can only be synced with all others
			return
		}
	}
	dirs = append(dirs, stageA+inode(r.tx))
	for i, st := range m.steps(r.tx) {
		if st.kind != chmod || m.bug == ModesNotSynced {
			continue
		}
		if d, v := r.parent(i, st.at, r.rec.parent[i]); v == fine && m.same(m.target(st.at, d), r.rec.old[i].inode) {
			dirs = append(dirs, r.rec.old[i].inode)
		}
	}
	m.s.sync(dirs...)
}

// finish ends a transaction that resume has completed. It is false where something is left to be cleaned up.
func (r *run) finish() bool {
	m := r.m
	m.s.done[r.tx] = true
	if m.expects(r.tx) {
		r.checkExpected()
	}
	ok := true
	if r.hasty() && !m.process[r.tx] && m.bug != LazyRecords && m.s.journal.seen[r.tx] == decided {
		ok = m.forget(r.tx)
	}
	m.at("take the stage folder away", r.tx, -1)
	if m.bug == DisplacedLate {
		if !m.process[r.tx] && m.s.journal.seen[r.tx] != absent {
			ok = m.forget(r.tx) && ok
		}
		m.at("put aside, late", r.tx, -1)
		r.putAside()
	}
	if ok {
		return r.discard()
	}
	if r.discard() && m.bug != Exit7NotSynced {
		m.s.sync(stageDir) // the record is still there: that the stage folder is gone must do
	}
	return false
}

// hasty says that a finished record must be deleted before the transaction is acknowledged.
func (r *run) hasty() bool {
	for i, st := range r.m.steps(r.tx) {
		if st.kind == chmod || st.kind == move || r.rec.relinked[i] {
			return true
		}
	}
	return r.m.p.hasty
}

// discard takes the stage folder out of stage/, which is what says "finished".
func (r *run) discard() bool {
	m := r.m
	if m.s.disk.seen[staged(r.tx)] == none {
		return true
	}
	if m.refused("take the stage folder away", r.tx, 0, false) {
		return false
	}
	to := trashed(r.tx)
	if is := m.s.journal.seen[r.tx]; m.history && (is == decided || is == kept) {
		to = inHistory(r.tx)
	}
	m.s.rename(staged(r.tx), to)
	if m.bug == OwnerGoneFirst && m.s.disk.seen[owner(r.tx)] == none {
		return false
	}
	m.s.put(owner(r.tx), none)
	return true
}
