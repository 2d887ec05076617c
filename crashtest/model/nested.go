package model

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/txcommit/txcommit/crashtest/memfs"
)

// nested cuts the power during a recovery that was recorded from event first on, and recovers again: in states chosen at
// random, but one recovery in so many after each single operation, with everything kept and with everything lost that may be.
func (x *Explorer) nested(s *State, rec *Recording, first int) ([]*Violation, error) {
	x.Counts.Cut++
	everywhere := x.Limits.Whole > 0 && x.rng.IntN(x.Limits.Whole) == 0
	var all []*Crash
	for p := first; p <= len(rec.Events); p++ {
		if everywhere {
			all = append(all, rec.extremes(p)...)
		} else {
			all = append(all, x.at(rec, p, 2)...)
		}
	}
	limit := x.Limits.Nested
	if everywhere {
		x.Counts.Whole++
		limit = len(all)
	} else {
		x.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	var bad []*Violation
	for end, i := x.Counts.States+limit, 0; i < len(all) && x.Counts.States < end; i++ {
		if err := x.mounts(); err != nil {
			return bad, err
		}
		c := all[i]
		n := *s
		n.Again, n.Image, n.How = true, rec.State(c), s.How+"\nthen the recovery: "+rec.Describe(c)
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
		} else if e.Kind != memfs.Sync && e.Kind != memfs.SyncFailed {
			others = append(others, p)
		}
	}
	if len(others) == 0 {
		return nil, nil
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

// ended judges what a run has left by itself: what the process said that was stopped by a failing sync must be so.
func (x *Explorer) ended(r *Run) ([]*Violation, error) {
	if !r.stopped {
		return nil, nil
	}
	if err := x.mounts(); err != nil {
		return nil, err
	}
	n := len(r.Events)
	s := r.at(n)
	s.Image = r.State(&Crash{Point: n})
	s.How = fmt.Sprintf("not cut at all: a sync failed, and the process ended with exit code %d", r.exit)
	if _, err := x.judge(s, x.first, false); err != nil {
		return []*Violation{{*s, err}}, nil
	}
	x.Counts.Exits[r.exit]++
	return nil, nil
}

func (x *Explorer) kill(r *Run, point int) ([]*Violation, error) {
	if err := x.mounts(); err != nil {
		return nil, err
	}
	s := r.at(point)
	s.Image = r.State(&Crash{Point: point})
	s.How = fmt.Sprintf("killed after event %d of %d: %v", point, len(r.Events), r.Events[point-1])
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
