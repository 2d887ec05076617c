package protocol

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"
)

// Result is what a search has found.
type Result struct {
	States    int // in which a process can be at a point between two calls
	Crashes   int // states that a crash has left
	Lives     int // runs of a process
	Violation *Violation
	Cut       bool // the time was up before all was seen
}

// String counts what was seen.
func (r Result) String() string {
	return fmt.Sprintf("%d states, %d crashes", r.States, r.Crashes)
}

// node is a state that a process begins in, and how it came about.
type node struct {
	parent  int
	choices []uint8
	start   *state // nil when no life that begins here will be told
	birth
}

// Explore searches all that a scenario can come to, up to the first violation or the deadline; a zero one is none.
func Explore(sc *Scenario, deadline time.Time) Result {
	x := &explorer{
		sc: sc, seed: maphash.MakeSeed(), crashed: map[uint64]struct{}{}, visited: map[uint64]struct{}{},
		nodes: []node{{parent: -1, start: first(sc)}},
	}
	for at := 0; at < len(x.nodes) && x.res.Violation == nil; at++ {
		if !deadline.IsZero() && at%64 == 0 && time.Now().After(deadline) {
			x.res.Cut = true
			break
		}
		x.lives(at)
	}
	x.res.States, x.res.Crashes = len(x.visited), len(x.crashed)
	return x.res
}

type explorer struct {
	sc      *Scenario
	seed    maphash.Seed
	crashed map[uint64]struct{}
	visited map[uint64]struct{}
	nodes   []node
	res     Result
	died    state // where the life that was told last came to its end
}

// lives runs every life that begins in one state.
func (x *explorer) lives(at int) {
	m, born := &machine{Scenario: x.sc, visited: x.visited, seed: x.seed}, len(x.nodes)
	m.born = func(b *birth) {
		h := maphash.Comparable(x.seed, *b.state)
		if _, ok := x.crashed[h]; ok {
			return
		}
		x.crashed[h] = struct{}{}
		start := *b.state
		n := node{parent: at, choices: slices.Clone(m.choices[:m.pos]), start: &start, birth: *b}
		n.birth.state = nil
		x.nodes = append(x.nodes, n)
	}
	for {
		m.prefix = len(m.choices)
		x.res.Lives++
		if v := m.run(x.nodes[at].start); v != nil {
			v.Trace = append(x.story(at), x.replay(at, m.choices[:m.pos], v.point)...)
			v.Trace = append(v.Trace, "VIOLATED "+v.Error())
			x.res.Violation = v
			return
		}
		if !m.next() {
			break
		}
	}
	if len(x.nodes) == born {
		x.nodes[at].start = nil
	}
}

// next makes the next choices in order. There are none left when it is false.
func (m *machine) next() bool {
	m.choices, m.ways = m.choices[:m.pos], m.ways[:m.pos]
	for i := len(m.choices) - 1; i >= 0; i-- {
		if m.choices[i]++; m.choices[i] < m.ways[i] {
			m.choices, m.ways = m.choices[:i+1], m.ways[:i+1]
			return true
		}
	}
	return false
}

// run is one life. An end with exit code 5 leaves a state for the next process, as a kill would.
func (m *machine) run(s *state) (v *Violation) {
	m.s, m.p, m.pos, m.points, m.seenSoFar, m.quiet = *s, process{}, 0, 0, 0, false
	defer func() {
		switch r := recover().(type) {
		case nil, pruned, reached:
		case exited:
			if m.born != nil {
				m.born(&birth{state: &m.s, how: exit, point: m.points})
			}
		case *Violation:
			v = r
		default:
			panic(r)
		}
	}()
	m.s.frozen, m.s.asFound = false, [treeSlots]inode{}
	m.live()
	return nil
}

// first is the state that a scenario begins in.
func first(sc *Scenario) *state {
	s := &state{clean: true}
	d := &s.disk
	d.seen[atP], d.seen[atQ], d.seen[atR] = dirP, dirQ, dirR
	if !sc.fresh {
		d.seen[atState], d.seen[atStage] = stateDir, stageDir
	}
	for i := root; i <= stageB; i++ {
		d.folder.add(uint8(i))
	}
	for i, w := range sc.abc {
		old := oldA + inode(i)
		d.seen[modeOf(old)] = firstMode
		if w == nothing {
			continue
		}
		d.seen[place(i).in(none)] = old
		if w != file {
			d.folder.add(uint8(old))
		}
		if w == dir {
			d.seen[inside(old)] = insideA + inode(i)
		}
	}
	for tx := range 2 {
		for i, st := range sc.steps(tx) {
			if st.folder || st.kind == remove && st.at < pathAX && sc.abc[st.at] >= dir && tx == 0 {
				d.folder.add(uint8(stagedInode(tx, i)))
			}
		}
	}
	d.durable = d.seen
	d.flushed = ^set(0)
	for i := newA0; i <= insideNewB; i++ {
		d.flushed.drop(uint8(i))
	}
	return s
}
