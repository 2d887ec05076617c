package model

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/txcommit/txcommit/crashtest/memfs"
)

// nested cuts the power during a recovery that was recorded from event first on, and recovers again.
func (x *Explorer) nested(s *State, rec *Recording, first int) ([]*Violation, error) {
	x.Counts.Cut++
	var all []*Crash
	for p := first; p <= len(rec.Events); p++ {
		all = append(all, x.at(rec, p, 2)...)
	}
	x.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var bad []*Violation
	for end, i := x.Counts.States+x.Limits.Nested, 0; i < len(all) && x.Counts.States < end; i++ {
		if err := x.mounts(); err != nil {
			return bad, err
		}
		c := all[i]
		n := State{Case: s.Case, Image: rec.State(c), Acked: s.Acked, How: s.How + "\nthen the recovery: " + rec.describe(c)}
		if !x.fresh(&n) {
			continue
		}
		j, err := x.judge(&n, x.second, false)
		if err != nil {
			bad = append(bad, &Violation{n, err})
			continue
		}
		x.Counts.Nested++
		x.count(j)
	}
	return bad, nil
}

// kills lets processes die, mostly while they write the journal. Nothing is lost by that; but what was not durable still
// is not when the power is cut during the recovery that follows.
func (x *Explorer) kills(r *Run) ([]*Violation, error) {
	var puts, others []int
	for p := 1; p <= len(r.Events); p++ {
		if e := &r.Events[p-1]; e.Kind == memfs.Write && filepath.Base(e.Path) == "journal.db" {
			puts = append(puts, p)
		} else if e.Kind != memfs.Sync {
			others = append(others, p)
		}
	}
	var bad []*Violation
	for i := range x.Limits.Kills {
		from := puts
		if i%3 == 0 || len(puts) == 0 {
			from = others
		}
		v, err := x.kill(r, from[x.rng.IntN(len(from))])
		if err != nil {
			return bad, err
		}
		bad = append(bad, v...)
	}
	return bad, nil
}

func (x *Explorer) kill(r *Run, point int) ([]*Violation, error) {
	if err := x.mounts(); err != nil {
		return nil, err
	}
	s := &State{
		Case: r.Case, Image: r.State(&Crash{Point: point}), Acked: r.acked[point],
		How: fmt.Sprintf("killed after event %d of %d: %v", point, len(r.Events), r.Events[point-1]),
	}
	j, err := x.judge(s, x.first, true)
	if err != nil {
		return []*Violation{{*s, err}}, nil
	}
	x.Counts.Killed++
	events := slices.Clone(r.Events[:point])
	for _, e := range j.events {
		e.Since += point
		events = append(events, e)
	}
	return x.nested(s, NewRecording(r.Base, events), point+1)
}
