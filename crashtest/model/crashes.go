package model

import (
	"math/rand/v2"
	"slices"

	"github.com/txcommit/txcommit/crashtest/memfs"
)

// exhaustive is up to how many pending events all subsets are tried; near is how many of the newest ones are tried one
// by one where there are more.
const (
	exhaustive = 6
	near       = 12
)

// Crashes lists power cuts after exactly point events. The last event survives in all of them, at least in part: where
// it does not, the cut is one at an earlier point too.
func (r *Recording) Crashes(point, random int, rng *rand.Rand) []*Crash {
	return slices.DeleteFunc(r.enumerate(point, random, rng), func(c *Crash) bool { return c.Fates[point-1] == Lost })
}

// extremes are the power cuts after point events in which everything survives, and in which nothing does that may be lost.
func (r *Recording) extremes(point int) []*Crash {
	g := &crashes{Recording: r, point: point, rng: rand.New(rand.NewPCG(0, 0))}
	g.add(nil)
	g.add(g.losing(r.pending(point)))
	return g.all
}

func (r *Recording) enumerate(point, random int, rng *rand.Rand) []*Crash {
	p := r.pending(point)
	g := &crashes{Recording: r, point: point, rng: rng}
	if len(p) <= exhaustive {
		for set := range 1 << len(p) {
			lost := map[int]Fate{}
			for b, j := range p {
				if set>>b&1 == 1 {
					lost[j] = Lost
				}
			}
			g.add(lost)
		}
	} else {
		g.add(nil)
		g.add(g.losing(p))
		for _, j := range p[max(0, len(p)-near):] {
			g.add(map[int]Fate{j: Lost})
			but := g.losing(p)
			delete(but, j)
			g.add(but)
		}
		for range random {
			g.add(g.some(p))
		}
	}
	for _, j := range p[max(0, len(p)-near):] {
		for _, f := range r.partial(j) {
			g.add(map[int]Fate{j: f})
			but := g.losing(p)
			but[j] = f
			g.add(but)
		}
	}
	return g.all
}

// partial lists the fates of an event beside kept and lost.
func (r *Recording) partial(j int) []Fate {
	e := &r.Events[j]
	switch {
	case r.splits(j):
		return []Fate{Half}
	case e.Kind == memfs.Write && len(e.Data) > sector:
		return []Fate{Torn, Tail, SizeOnly}
	case e.Kind == memfs.Write:
		return []Fate{SizeOnly}
	}
	return nil
}

type crashes struct {
	*Recording
	point int
	rng   *rand.Rand
	all   []*Crash
}

func (g *crashes) add(fates map[int]Fate) {
	if fates == nil {
		fates = map[int]Fate{}
	}
	c := &Crash{Point: g.point, Fates: fates, Cut: 1 + g.rng.IntN(16)}
	g.legal(c)
	g.all = append(g.all, c)
}

func (g *crashes) losing(p []int) map[int]Fate {
	lost := make(map[int]Fate, len(p))
	for _, j := range p {
		lost[j] = Lost
	}
	return lost
}

// some loses pending events at random: of the old ones all, none, or some too.
func (g *crashes) some(p []int) map[int]Fate {
	lost := map[int]Fate{}
	old, recent := p[:max(0, len(p)-2*near)], p[max(0, len(p)-2*near):]
	percent := []int{0, 50, 100}[g.rng.IntN(3)]
	for _, j := range old {
		if g.rng.IntN(100) < percent {
			lost[j] = Lost
		}
	}
	for _, j := range recent {
		if g.rng.IntN(2) == 0 {
			lost[j] = Lost
			if all := g.partial(j); len(all) > 0 && g.rng.IntN(3) == 0 {
				lost[j] = all[g.rng.IntN(len(all))]
			}
		}
	}
	return lost
}
