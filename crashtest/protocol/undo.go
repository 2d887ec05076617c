package protocol

// undo takes one step back as far as it is ours. It is recovery/undo.go.
func (r *run) undo(i int) verdict {
	m, st := r.m, r.m.steps(r.tx)[i]
	dir, v := r.parent(i, st.at, r.rec.parent[i])
	if v != fine {
		name := newName(r.tx, i)
		if st.kind == remove {
			name = oldName(r.tx, i)
		}
		if (st.kind == install || st.kind == remove) && m.same(m.look(name), r.rec.staged[i]) && !r.halfInstalled(i, m.look(name)) {
			return fine // it was never done
		}
		return cannot
	}
	if m.refused("undo", r.tx, i, false) {
		return cannot
	}
	at := st.at.in(dir)
	switch st.kind {
	case install:
		v = r.undoInstall(i, st, at)
	case remove:
		v = r.undoRemove(i, at)
	case chmod:
		t := m.look(at)
		if m.same(t, r.rec.old[i].inode) && m.see(m.s.disk.seen[modeOf(t)]) == wantedMode {
			m.within("undo, before the call", r.tx, i)
			if m.s.disk.seen[at] != t {
				return cannot // ENOENT or ESTALE
			}
			m.s.put(modeOf(t), r.rec.mode[i])
		}
	case move:
		v = r.undoMove(i, st, at)
	}
	m.say("undone: %v is %v", at, m.s.disk.seen[at])
	return v
}

// halfInstalled says that T may be a second name of a staged file: half of a rename, wherever T's folder is. A user's file,
// which may have other names, does not tell.
func (r *run) halfInstalled(i int, n inode) bool {
	st := r.m.steps(r.tx)[i]
	if st.kind != install || r.m.isFolder(n) || r.m.bug == HalfInstallLeft {
		return false
	}
	if st.linked() {
		return r.m.noswap || r.rec.old[i].inode == none
	}
	return r.m.links(n) > 1
}

func (r *run) undoInstall(i int, st step, at slot) verdict {
	m, name, old := r.m, newName(r.tx, i), oldName(r.tx, i)
	was := m.look(at)
	if !m.same(was, r.rec.staged[i]) {
		return fine
	}
	n := m.look(name)
	m.within("undo, before the call", r.tx, i)
	t := m.s.disk.seen[at]
	if m.noswap && r.rec.old[i].inode != none && t != was && t != none {
		m.s.released.add(uint8(t)) // the contract says so
	}
	linked, over := st.linked(), r.rec.old[i].inode != none
	switch {
	case m.same(n, r.rec.staged[i]) && m.bug != HalvesIgnored: // both names of a half-done rename
		switch {
		case m.isFolder(n):
			return cannot
		case !over || !m.noswap && !linked:
			r.takeOut(i, at, n)
		case m.noswap:
			m.s.rename(old, at) // takes the place of T's second half
		}
	case n != none:
		if t == none {
			return fine // ENOENT: somebody has deleted it
		}
		m.s.exchange(at, name)
	case m.noswap && over:
		if m.s.disk.seen[old] == none {
			return cannot
		}
		r.keepNew(i, st, at, t)
		m.s.rename(old, at)
	case t != none:
		m.s.rename(at, name)
	}
	return fine
}

// keepNew gives the new file at T its name in the stage folder back, where a rename is about to take its last one and it is
// not ours alone.
func (r *run) keepNew(i int, st step, at slot, t inode) {
	m := r.m
	if st.linked() && m.links(t) > 1 || !st.linked() && !m.s.edited.has(uint8(t)) || m.bug == LastNameTaken {
		return
	}
	m.s.put(newName(r.tx, i), t)
	m.s.sync(stageA + inode(r.tx))
	m.within("undo, linked back", r.tx, i)
}

func (r *run) undoRemove(i int, at slot) verdict {
	m, name := r.m, oldName(r.tx, i)
	o, t := m.look(name), m.look(at)
	switch {
	case o == none || m.same(o, r.rec.staged[i]):
		return fine
	case t == o:
		if m.isFolder(o) {
			return cannot
		}
		if m.same(o, r.rec.old[i].inode) {
			m.s.put(name, none)
		}
		return fine
	case t != none:
		return fine
	}
	m.within("undo, before the call", r.tx, i)
	if m.s.disk.seen[at] == none {
		m.s.rename(name, at)
	}
	return fine
}

func (r *run) undoMove(i int, st step, from slot) verdict {
	m, old := r.m, r.rec.old[i].inode
	t := m.look(from)
	if !r.fresh && r.leadsTo(st.to) != r.rec.toParent[i] {
		if m.same(t, old) {
			return fine
		}
		if m.bug == StagedParentMissed || !r.isStaged(r.rec.toParent[i]) {
			return cannot
		}
	}
	to := st.to.in(r.rec.toParent[i])
	if !m.same(m.look(to), old) {
		if !m.same(t, old) {
			m.s.sync(keptDir) // removed by somebody, or put there by a recovery that was cut
		}
		return fine
	}
	if m.same(t, old) {
		return cannot
	}
	m.within("undo, before the call", r.tx, i)
	switch {
	case m.s.disk.seen[to] == none:
		return cannot // ENOENT
	case m.s.disk.seen[from] != none: // somebody's by now, and the new name must not stay
		r.displace(i, to)
		m.within("displaced, before the sync", r.tx, i)
		m.s.sync(keptDir)
	default:
		m.s.rename(to, from)
	}
	return fine
}

// isStaged says that a folder that comes with the transaction is in the stage folder, still or again: of its way into the
// tree and of a move into it a power cut may leave the move alone.
func (r *run) isStaged(dir inode) bool {
	for i := range r.m.steps(r.tx) {
		if r.m.look(newName(r.tx, i)) == dir {
			return true
		}
	}
	return false
}

// putAside moves to displaced/ whatever is in the stage folder that is neither ours nor exactly the old content. It is
// recovery/aside.go.
func (r *run) putAside() verdict {
	m, moved := r.m, false
	for i, st := range m.steps(r.tx) {
		if st.kind != install && st.kind != remove || r.rec.dropped[i] {
			continue
		}
		for _, name := range r.namesOf(i, st) {
			if r.mayThrow(i, st, name) {
				continue
			}
			m.within("put aside", r.tx, i)
			if m.refused("put aside", r.tx, i, false) {
				return cannot
			}
			r.displace(i, name)
			moved = true
		}
	}
	if moved {
		m.within("put aside: sync", r.tx, -1)
		m.s.sync(keptDir)
		m.s.sync(stageA + inode(r.tx))
	}
	return fine
}

func (r *run) namesOf(i int, st step) []slot {
	names := []slot{newName(r.tx, i)}
	if st.kind == remove {
		names[0] = oldName(r.tx, i)
	} else if r.m.noswap || r.rec.old[i].inode == none {
		names = append(names, oldName(r.tx, i))
	}
	return append(names, outName(r.tx, i))
}

// mayThrow says that what is at name in the stage folder is nobody's loss.
func (r *run) mayThrow(i int, st step, name slot) bool {
	m, n := r.m, r.m.look(name)
	redone := m.s.journal.seen[r.tx] == decided || m.s.journal.seen[r.tx] == absent || m.s.journal.seen[r.tx] == kept
	switch {
	case n == none, m.same(n, r.rec.staged[i]) && st.kind == remove:
		return true
	case m.same(n, r.rec.staged[i]):
		return r.mayThrowNew(i, st, n, redone)
	case !m.untouched(n, r.rec.old[i]):
		return m.bug == SwappedNotCompared
	case !redone:
		dir, v := r.parent(i, st.at, r.rec.parent[i])
		return v == fine && m.target(st.at, dir) == n
	case m.isFolder(n):
		return m.walkOf(n) == r.rec.old[i].walk || m.bug == FolderByName
	}
	return true
}

// mayThrowNew is mayThrow for what we staged.
func (r *run) mayThrowNew(i int, st step, n inode, redone bool) bool {
	m := r.m
	switch {
	case st.linked():
		return m.links(n) > 1 || m.bug == LinkThrown
	case redone:
		return true
	case m.isFolder(n):
		return m.walkOf(n) == r.rec.walk[i]
	}
	return n == r.rec.staged[i] && !m.s.edited.has(uint8(n))
}

func (r *run) displace(i int, name slot) {
	m := r.m
	for k := range 2 {
		if fresh := keptName(r.tx, i, k); m.s.disk.seen[fresh] == none {
			m.say("%v goes from %v to %v", m.s.disk.seen[name], name, fresh)
			m.s.rename(name, fresh)
			return
		}
	}
	panic(pruned{}) // the model has no room for a third one
}
