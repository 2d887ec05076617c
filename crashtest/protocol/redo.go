package protocol

// redo does one step unless it is done. It is recovery/redo.go and redoremove.go.
func (r *run) redo(i int) verdict {
	switch st := r.m.steps(r.tx)[i]; st.kind {
	case install:
		return r.redoInstall(i, st)
	case remove:
		return r.redoRemove(i, st)
	case chmod:
		return r.redoChmod(i, st)
	default:
		return r.redoMove(i, st)
	}
}

func (r *run) redoInstall(i int, st step) verdict {
	m, name := r.m, newName(r.tx, i)
	for {
		n := m.look(name)
		done := !m.same(n, r.rec.staged[i])
		if m.bug == RedoByName {
			done = n == none
		}
		if done {
			return r.checkInstalled(i, n, false)
		}
		at, v := r.target(i, st.at, r.rec.parent[i])
		if v != fine {
			return v
		}
		v, again := r.install(i, st, at)
		if again {
			m.within("step, once more", r.tx, i)
			continue
		}
		if v != fine {
			return v
		}
		m.within("step done, before it is checked", r.tx, i)
		return r.checkInstalled(i, m.look(name), true)
	}
}

// install does the one call that brings N.new to T. again says that T has come or gone since it was looked at.
func (r *run) install(i int, st step, at slot) (v verdict, again bool) {
	m, name := r.m, newName(r.tx, i)
	n, t, old := m.look(name), m.look(at), r.rec.old[i].inode
	both := m.same(t, r.rec.staged[i])
	if m.bug == RedoByName {
		both = both && m.same(n, r.rec.staged[i])
	}
	if both && m.bug != HalvesIgnored {
		if m.isFolder(n) {
			return cannot, false
		}
		if !st.linked() || old == none {
			m.s.put(name, none)
			m.say("half a rename: %v is unlinked", name)
		}
		return fine, false
	}
	if !r.asRecorded(i, t) {
		if v := r.differs(); v != fine {
			return v, false
		}
	}
	if m.refused("step", r.tx, i, true) {
		return refuse, false
	}
	m.within("step, before the call", r.tx, i)
	if now := m.s.disk.seen[at]; (now == none) != (t == none) && (t == none || !m.noswap || old == none) {
		if m.expects(r.tx) {
			return refuse, false
		}
		return fine, true
	}
	switch {
	case t == none:
		m.s.rename(name, at)
	case m.noswap:
		if now := m.s.disk.seen[at]; now != t {
			m.s.released.add(uint8(now)) // the contract says so
		}
		r.replace(i, at, t)
	default:
		m.s.exchange(at, name)
	}
	m.say("%v is %v now, and %v is %v", at, m.s.disk.seen[at], name, m.s.disk.seen[name])
	return fine, false
}

// replace is the install over an existing file where names cannot be exchanged: what somebody has put at T gets a second
// name, N.out, durably, before it is replaced.
func (r *run) replace(i int, at slot, t inode) {
	m, out := r.m, outName(r.tx, i)
	if !m.same(t, r.rec.old[i].inode) && m.bug != OutForgotten {
		if o := m.s.disk.seen[out]; o != none && o != m.s.disk.seen[at] {
			r.displace(i, out)
			m.s.sync(keptDir)
		}
		m.s.put(out, m.s.disk.seen[at])
		if m.bug != OutNotSynced {
			m.s.sync(stageA + inode(r.tx))
		}
		m.within("linked aside", r.tx, i)
	}
	m.s.rename(newName(r.tx, i), at)
}

// checkInstalled compares what came out of an install. Right after it an edit in place counts too; later only the
// identity does.
func (r *run) checkInstalled(i int, out inode, now bool) verdict {
	if out == none || r.m.same(out, r.rec.staged[i]) {
		return fine
	}
	if now && !r.m.untouched(out, r.rec.old[i]) || !r.m.same(out, r.rec.old[i].inode) {
		return r.differs()
	}
	return fine
}

func (r *run) redoChmod(i int, st step) verdict {
	m := r.m
	at, v := r.target(i, st.at, r.rec.parent[i])
	if v != fine {
		return v
	}
	t := m.look(at)
	if !m.same(t, r.rec.old[i].inode) || m.expects(r.tx) && !r.asRecorded(i, t) {
		return r.differs()
	}
	if m.see(m.s.disk.seen[modeOf(t)]) == wantedMode {
		return fine
	}
	if m.refused("step", r.tx, i, true) {
		return refuse
	}
	m.within("step, before the call", r.tx, i)
	if m.s.disk.seen[at] != t {
		return r.differs()
	}
	m.s.put(modeOf(t), wantedMode)
	m.say("%v is changed", modeOf(t))
	return fine
}

func (r *run) redoMove(i int, st step) verdict {
	m, old := r.m, r.rec.old[i].inode
	to, v := r.toTarget(i, st)
	if v != fine {
		return v
	}
	from, v := r.target(i, st.at, r.rec.parent[i])
	if v != fine {
		return v
	}
	there, here := m.same(m.look(to), old), m.same(m.look(from), old)
	switch {
	case there && here:
		return cannot
	case there:
		return fine
	case !here && r.fresh && m.bug != MoveSkipped:
		return refuse
	case !here:
		return r.differs()
	}
	if m.refused("step", r.tx, i, true) {
		return refuse
	}
	m.within("step, before the call", r.tx, i)
	if m.s.disk.seen[from] == none || m.s.disk.seen[to] != none {
		return refuse // ENOENT or EEXIST
	}
	m.s.rename(from, to)
	m.say("%v is %v now", to, m.s.disk.seen[to])
	return fine
}

// toTarget is target for the new name of a move.
func (r *run) toTarget(i int, st step) (slot, verdict) {
	if r.leadsTo(st.to) != r.rec.toParent[i] {
		return noSlot, r.unclear()
	}
	return st.to.in(r.rec.toParent[i]), fine
}

// asRecorded says whether t is what was recorded; in recovery, and under an expectation, also unedited.
func (r *run) asRecorded(i int, t inode) bool {
	if r.fresh && !r.m.expects(r.tx) {
		return r.m.same(t, r.rec.old[i].inode)
	}
	return r.m.untouched(t, r.rec.old[i])
}
