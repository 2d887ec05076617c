package protocol

import (
	"fmt"
	"hash/maphash"
)

// machine runs one life of a process after the other: from a state that a crash has left to each end that the process
// can come to. Where something else may happen it makes a choice; the same choices lead through the same life.
type machine struct {
	*Scenario
	s state
	p process
	// seenSoFar mixes what the process has seen of the disk since the last point at which it keeps nothing in mind.
	seenSoFar uint64

	choices, ways []uint8
	pos           int
	prefix        int // so many choices were made before in the same way: nothing is new up to there

	visited map[uint64]struct{}
	seed    maphash.Seed
	points  int // passed in this life
	born    func(*birth)

	quiet bool // a look ahead: nothing interferes
	tell  bool // a trace is told
	stop  int  // of a trace: the point to stop at
	log   []string
}

// process is what a process knows, and what ends with it.
type process struct {
	settled bool // this process saw that all in the journal is durable
	viewed  bool // the view lock is held
	live    int8 // the transaction that is being staged, from 1
	fresh   bool
	opened  set  // the targets' folders of which the run has a handle
	hasty   bool // the record must go before anything is told
	refused bool // the kernel has refused something
	acted   bool // somebody has acted
	seeing  uint64
}

// birth is how a state came about that another process will find.
type birth struct {
	state *state
	how   ending
	first set // of a power cut: the halves of the pending changes that it kept
	other set
	kept  bool // of a power cut: the journal is as it was seen
	point int
}

type ending uint8

const (
	kill ending = iota
	cut
	exit
)

// What ends a life is a panic of one of these.
type (
	pruned  struct{}
	reached struct{}
	exited  struct{}
)

// Violation is a state that breaks the protocol's promises.
type Violation struct {
	Invariant string
	Why       string
	Trace     []string
	point     int // if it is what can be seen at a point: which
}

// Error names the promise and says how it was broken.
func (v *Violation) Error() string { return v.Invariant + ": " + v.Why }

func (m *machine) violate(invariant, format string, args ...any) {
	panic(&Violation{Invariant: invariant, Why: fmt.Sprintf(format, args...)})
}

func (m *machine) say(format string, args ...any) {
	if m.tell && !m.quiet {
		m.log = append(m.log, fmt.Sprintf(format, args...))
	}
}

func (m *machine) choose(n int) int {
	if m.pos == len(m.choices) {
		m.choices, m.ways = append(m.choices, 0), append(m.ways, 0)
	}
	m.ways[m.pos] = uint8(n)
	m.pos++
	return int(m.choices[m.pos-1])
}

// see notes that the process has looked at something, and returns it.
func (m *machine) see(i inode) inode {
	m.seenSoFar = m.seenSoFar*61 + uint64(i) + 1
	return i
}

// look is a stat: it tells the inode at a name.
func (m *machine) look(s slot) inode { return m.see(m.s.disk.seen[s]) }

// at is a point between two calls at which the process keeps nothing in mind but where it is.
func (m *machine) at(label string, tx, i int) {
	if !m.quiet {
		m.seenSoFar = 0
	}
	m.within(label, tx, i)
}

// within is a point between two calls. Anything may happen here: another process acts, this one is killed, the power
// fails.
func (m *machine) within(label string, tx, i int) {
	if m.quiet {
		return
	}
	m.points++
	for {
		if m.points == m.stop && m.pos == m.prefix {
			m.say("(at: %s)", where(label, tx, i))
			panic(reached{})
		}
		if m.pos >= m.prefix && !m.tell {
			m.arrive(label, tx, i)
		}
		if m.s.acts == m.maxActs {
			return
		}
		n := m.choose(len(m.acts) + 1)
		if n == 0 {
			return
		}
		if !m.act(m.acts[n-1], where(label, tx, i)) {
			panic(pruned{})
		}
	}
}

func where(label string, tx, i int) string {
	switch {
	case tx < 0:
		return label
	case i < 0:
		return fmt.Sprintf("%s %c", label, 'A'+tx)
	}
	return fmt.Sprintf("%s %c%d", label, 'A'+tx, i)
}

// arrive looks at a point for the first time, or ends the life where another one has passed in the same state.
func (m *machine) arrive(label string, tx, i int) {
	m.p.seeing = m.seenSoFar
	h := maphash.Comparable(m.seed, key{label, int8(tx), int8(i), m.p, m.s})
	if _, ok := m.visited[h]; ok {
		panic(pruned{})
	}
	m.visited[h] = struct{}{}
	if !m.p.viewed && m.s.clean {
		m.checkView()
	}
	if m.born == nil || m.s.crashes == m.maxCrash {
		return
	}
	m.crash()
}

type key struct {
	label string
	tx, i int8
	p     process
	s     state
}

// crash brings about all that a kill or a power cut leaves here.
func (m *machine) crash() {
	dead := m.s
	dead.crashes++
	m.born(&birth{state: &dead, how: kill, point: m.points})
	var lost, kept state // without and with what the journal shows; there are many cuts
	m.s.disk.cuts(func(after disk, first, second set) {
		lost = dead
		lost.disk, lost.clean = after, false
		for tx := range lost.record {
			lost.record[tx].rebooted = true
		}
		kept = lost
		kept.journal.durable, kept.journal.reused = dead.journal.seen, false
		lost.journal.seen = dead.journal.durable
		lost.journal.broken = lost.journal.broken || dead.journal.reused
		lost.journal.reused = false
		never := m.s.disk.neverMade(first)
		kept.restarted(never)
		lost.restarted(never)
		m.born(&birth{state: &kept, how: cut, first: first, other: second, kept: true, point: m.points})
		if lost != kept {
			m.born(&birth{state: &lost, how: cut, first: first, other: second, point: m.points})
		}
	})
}

// restarted drops what is gone with the state folder's name, and what users have lost because they did not sync it. What
// they had given up is theirs again where the power cut has taken that back.
func (s *state) restarted(never set) {
	if s.disk.seen[atState] == none {
		s.journal = journal{}
	}
	visible := s.visible()
	s.released |= never &^ visible
	s.overwritten |= never
	for at := range modeFirst {
		if s.touched.has(uint8(at)) && visible.has(uint8(s.disk.seen[at])) {
			s.released &^= 1 << s.disk.seen[at] &^ s.byHand
		}
	}
}

// refused says that the kernel refuses a call, which it may do once. What it has refused for good it refuses again.
func (m *machine) refused(label string, tx, i int, lasting bool) bool {
	at := uint8(3*tx + i)
	if m.quiet || m.Scenario.refusals == 0 {
		return false
	}
	if m.s.stuck == label && m.s.stuckAt == at {
		m.p.refused = true
		return true
	}
	if m.s.refusals == m.Scenario.refusals {
		return false
	}
	ways := 2
	if lasting {
		ways = 3
	}
	n := m.choose(ways)
	if n == 0 {
		return false
	}
	m.s.refusals++
	m.p.refused = true
	if n == 2 {
		m.s.stuck, m.s.stuckAt = label, at
	}
	m.say("the kernel refuses: %s", where(label, tx, i))
	return true
}
