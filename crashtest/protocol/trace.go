package protocol

import (
	"fmt"
	"slices"
	"strings"
)

// story tells, life by life, how a state came about.
func (x *explorer) story(at int) []string {
	n := &x.nodes[at]
	if n.parent < 0 {
		return []string{"a process starts: " + n.start.describe()}
	}
	lines := append(x.story(n.parent), x.replay(n.parent, n.choices, n.point)...)
	return append(lines, n.ending(&x.died)...)
}

// replay runs one life again and tells what happens in it, up to a point; 0 is its end.
func (x *explorer) replay(at int, choices []uint8, stop int) []string {
	m := &machine{
		Scenario: x.sc, visited: map[uint64]struct{}{}, seed: x.seed, tell: true, stop: stop,
		choices: slices.Clone(choices), ways: make([]uint8, len(choices)), prefix: len(choices),
	}
	_ = m.run(x.nodes[at].start) // the violation that this is about
	x.died = m.s
	return m.log
}

// ending tells how a life ended, and what the next process finds.
func (n *node) ending(before *state) []string {
	var lines []string
	switch n.how {
	case kill:
		lines = []string{"KILLED"}
	case exit:
		lines = []string{"exit code 5: incomplete"}
	case cut:
		lines = append([]string{"POWER CUT"}, n.lost(before)...)
	}
	return append(lines, "found by the next process: "+n.start.describe())
}

// lost lists what a power cut has taken of the changes that were not synced.
func (n *node) lost(before *state) []string {
	var lines []string
	for k := range before.waiting {
		c := &before.pending[k]
		var what []string
		for i := range c.n {
			what = append(what, fmt.Sprintf("%v = %v", c.slot[i], value(c.slot[i], c.to[i])))
		}
		switch {
		case !n.first.has(k):
			lines = append(lines, "  lost: "+strings.Join(what, ", "))
		case c.n == 2 && !n.other.has(k):
			lines = append(lines, "  half lost (both names): "+what[1])
		}
	}
	if !n.kept && before.journal.seen != before.journal.durable {
		lines = append(lines, "  lost: the last change of the journal")
	}
	return lines
}

func (s *state) describe() string {
	var out []string
	for i := range slots {
		if v := s.disk.seen[i]; v != none && !(i >= atP && i < stageFirst) && (!isMode(i) || v != firstMode) {
			out = append(out, fmt.Sprintf("%v=%v", i, value(i, v)))
		}
	}
	return strings.Join(out, " ") + fmt.Sprintf("; journal: A %v, B %v", s.journal.seen[0], s.journal.seen[1])
}
