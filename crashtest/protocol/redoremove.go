package protocol

// redoRemove takes T out of the tree, over the placeholder at N.old. It is recovery/redoremove.go.
func (r *run) redoRemove(i int, st step) verdict {
	m, name := r.m, oldName(r.tx, i)
	if o := m.look(name); !m.same(o, r.rec.staged[i]) {
		return r.checkRemoved(i, st, o)
	}
	at, v := r.target(i, st.at, r.rec.parent[i])
	if v != fine {
		return v
	}
	t := m.look(at)
	if !r.asRecorded(i, t) {
		if v := r.differs(); v != fine {
			return v
		}
	}
	if !m.same(t, r.rec.old[i].inode) {
		return fine // gone already, or somebody's: it stays
	}
	if m.refused("step", r.tx, i, true) {
		return refuse
	}
	m.within("step, before the call", r.tx, i)
	if m.s.disk.seen[at] == none {
		return r.differs()
	}
	if m.bug == RemoveByUnlink && !m.isFolder(t) {
		m.s.put(at, none)
	} else {
		m.s.rename(at, name)
	}
	m.say("%v is %v now, and %v is %v", at, m.s.disk.seen[at], name, m.s.disk.seen[name])
	m.within("step done, before it is checked", r.tx, i)
	o := m.look(name)
	if m.bug == RemoveByUnlink {
		return fine
	}
	if !m.untouched(o, r.rec.old[i]) {
		if v := r.differs(); v != fine {
			return v
		}
	}
	return r.checkRemoved(i, st, o)
}

// checkRemoved compares what a remove took out.
func (r *run) checkRemoved(i int, st step, o inode) verdict {
	m := r.m
	if o == none {
		return fine
	}
	if !m.same(o, r.rec.old[i].inode) {
		return r.differs()
	}
	if st.empty {
		if m.see(m.walkOf(o).inside) != none {
			return refuse
		}
		return fine
	}
	v := fine
	if !r.fresh && m.bug != HalvesIgnored {
		v = r.endHalfRemove(i, st, o)
	}
	if !m.isFolder(o) && m.see(inode(m.links(o))) > 1 && m.bug != SecondNameMissed {
		m.p.hasty = true // somebody has given it another name since it was looked at
	}
	return v
}

// endHalfRemove deals with a rename out of the tree that a power cut has shown half of.
func (r *run) endHalfRemove(i int, st step, o inode) verdict {
	m := r.m
	if r.leadsTo(st.at) != r.rec.parent[i] {
		if m.links(o) > 1 && !r.rec.relinked[i] && m.bug != HalfLeft {
			return cannot
		}
		return fine // T went where its folder went
	}
	at := st.at.in(r.rec.parent[i])
	if t := m.look(at); !m.same(t, r.rec.old[i].inode) {
		return fine
	}
	if m.isFolder(o) {
		return cannot
	}
	m.within("half a rename, before the call", r.tx, i)
	if r.takeOut(i, at, o) {
		return fine
	}
	return r.differs()
}

// takeOut takes the second name of a half-done rename out of the tree. What is there by now is not unlinked but brought
// to N.out, where it can be looked at: if it is somebody's it goes back, and takeOut is false.
func (r *run) takeOut(i int, at slot, ours inode) bool {
	m, out := r.m, outName(r.tx, i)
	if m.bug == UnlinkedByName {
		m.s.put(at, none)
		return true
	}
	m.dropIf(out, ours)
	if m.s.disk.seen[out] != none {
		r.displace(i, out)
		m.s.sync(keptDir)
	}
	if m.s.disk.seen[at] == none {
		return true
	}
	m.s.rename(at, out)
	m.within("half a rename, before it is checked", r.tx, i)
	came := m.look(out)
	m.dropIf(out, ours)
	m.say("half a rename: %v came out of %v", came, at)
	if m.s.disk.seen[out] != none && m.s.disk.seen[at] == none {
		m.s.rename(out, at)
	}
	return came == ours
}

func (m *machine) dropIf(s slot, i inode) {
	if m.s.disk.seen[s] == i {
		m.s.put(s, none)
	}
}
