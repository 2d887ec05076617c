package model

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// Limits bound an exploration.
type Limits struct {
	States int  // of one recording
	Random int  // random states of one point
	Nested int  // states of one cut recovery
	Every  int  // one in so many recoveries that have something to do is cut
	Whole  int  // one in so many of these after each of its operations; 0: none
	First  bool // the first violation ends it
	Kills  int  // so many processes are killed, and the recovery after that is cut
	// Strangers is that to one state in so many a foreign program comes before the recovery.
	Strangers int
}

// Explorer shows states and judges what recovery makes of them. Each has mounts of its own.
type Explorer struct {
	Bin    string
	Limits Limits
	Counts Counts

	served *oracle.Served
	run    oracle.Runner
	dir    string
	first  *memfs.Mount // for the states of recordings
	second *memfs.Mount // for the states of cut recoveries: another boot, as it were
	shown  int
	seen   map[uint64]bool
	checks map[uint64]bool // journals that bbolt has found in order
	rng    *rand.Rand
}

// NewExplorer makes mounts in dir, which must exist. Close follows.
func NewExplorer(bin, dir string, limits Limits) *Explorer {
	served := oracle.Serve(bin)
	return &Explorer{
		Bin: bin, Limits: limits, served: served, run: served.Run, dir: dir, checks: map[uint64]bool{},
		Counts: Counts{Acts: map[workload.ActKind]int{}, Exits: map[int]int{}, Kinds: workload.Kinds{}},
	}
}

// Close ends the process that recovers, and unmounts.
func (x *Explorer) Close() error {
	return errors.Join(x.served.Close(), x.unmount())
}

func (x *Explorer) unmount() error {
	for _, m := range []**memfs.Mount{&x.first, &x.second} {
		if *m == nil {
			continue
		}
		if err := (*m).Close(); err != nil {
			return err
		}
		*m = nil
	}
	return nil
}

// renewal is how many states one mount shows before another one takes over: what the kernel keeps of them goes with it.
const renewal = 300

func (x *Explorer) mounts() (err error) {
	if x.shown++; x.shown%renewal == 0 {
		if err := x.unmount(); err != nil {
			return err
		}
	}
	if x.first == nil {
		if x.first, err = memfs.New(filepath.Join(x.dir, "first"), time.Hour); err != nil {
			return err
		}
	}
	if x.second == nil {
		x.second, err = memfs.New(filepath.Join(x.dir, "second"), time.Hour)
	}
	return err
}

// Violation is a state after which the recovery was wrong. It can be saved and judged again.
type Violation struct {
	State
	Why error
}

// Explore looks at power cuts of a run, in an order that its seed gives, up to the limit.
func (x *Explorer) Explore(r *Run) ([]*Violation, error) {
	x.rng, x.seen = rand.New(rand.NewPCG(r.Case.W.Seed, 1)), map[uint64]bool{}
	x.Counts.recorded(r)
	before := x.Counts.States
	defer func() {
		if r.NoExchange {
			x.Counts.NoExchange += x.Counts.States - before
		}
		if r.stopped {
			x.Counts.Failed += x.Counts.States - before
		}
	}()
	bad, err := x.ended(r)
	if err != nil || x.Limits.First && len(bad) > 0 {
		return bad, err
	}
	more, err := x.kills(r)
	bad = append(bad, more...)
	if err != nil || x.Limits.First && len(bad) > 0 {
		return bad, err
	}
	all := x.crashes(r)
	for end, i := x.Counts.States+x.Limits.States, 0; i < len(all) && x.Counts.States < end; i++ {
		c := all[i]
		s := r.at(c.Point)
		s.Image, s.How = r.State(c), r.Describe(c)
		v, err := x.visit(s)
		bad = append(bad, v...)
		if err != nil || x.Limits.First && len(bad) > 0 {
			return bad, err
		}
	}
	return bad, nil
}

// crashes lists the power cuts of a run in the order in which they are looked at: two of three fall between the beginning
// of a put and the end of its transaction.
func (x *Explorer) crashes(r *Run) []*Crash {
	lists := [2][]*Crash{}
	for p := 1; p <= len(r.Events); p++ {
		which := 0
		if r.applying[p] {
			which = 1
		}
		lists[which] = append(lists[which], x.at(r.Recording, p, x.Limits.Random)...)
	}
	for _, l := range lists {
		x.rng.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
	}
	var all []*Crash
	for len(lists[0])+len(lists[1]) > 0 {
		for which, n := range []int{1, 2} {
			n = min(n, len(lists[which]))
			all, lists[which] = append(all, lists[which][:n]...), lists[which][n:]
		}
	}
	return all
}

// at lists the power cuts at one point. Right after a sync they are among those right before it.
func (x *Explorer) at(r *Recording, point, random int) []*Crash {
	if k := r.Events[point-1].Kind; k == memfs.Sync || k == memfs.SyncFailed {
		return nil
	}
	return r.Crashes(point, random, x.rng)
}

// visit judges a state unless it was seen, and now and then cuts its recovery too.
func (x *Explorer) visit(s *State) ([]*Violation, error) {
	if !x.fresh(s) {
		return nil, nil
	}
	if err := x.mounts(); err != nil {
		return nil, err
	}
	j, err := x.judge(s, x.first, true)
	if err != nil {
		return []*Violation{{*s, err}}, nil
	}
	x.count(j)
	if j.moved || !x.skips(x.Limits.Strangers) {
		if bad, err := x.strange(s); err != nil || len(bad) > 0 {
			return bad, err
		}
	}
	return x.cut(s, j)
}

// strange lets a foreign program come before the recovery of a state.
func (x *Explorer) strange(s *State) ([]*Violation, error) {
	d := x.disturb(s)
	if d == nil || !x.fresh(d) {
		return nil, nil
	}
	j, err := x.judge(d, x.second, true)
	if err != nil {
		return []*Violation{{*d, err}}, nil
	}
	x.Counts.Disturbed++
	x.Counts.Acts[d.Stranger.Kind]++
	return x.cut(d, j)
}

// cut cuts a recovery now and then, if it had something to do.
func (x *Explorer) cut(s *State, j *judgement) ([]*Violation, error) {
	often := x.Limits.Every
	if len(j.report.Displaced) > 0 {
		often /= 4 // what is in the way of others is lost most easily
	}
	if len(j.report.Recovered) == 0 && j.report.Swept == 0 || x.rng.IntN(max(1, often)) != 0 {
		return nil, nil
	}
	return x.nested(s, NewRecording(s.Image, j.events), 1)
}

// fresh says that nothing that looks the same was visited, with the same acknowledgements.
func (x *Explorer) fresh(s *State) bool {
	h := (s.Image.Hash(s.Image.Root)*31+uint64(s.Acked))*31 + uint64(len(s.Case.W.Steps))
	if x.seen[h] {
		return false
	}
	x.seen[h] = true
	x.Counts.States++
	return true
}

func (x *Explorer) count(j *judgement) {
	if n := j.report.Outcomes("completed"); n > 0 {
		x.Counts.Redone++
		if j.moved {
			x.Counts.Applied++
		}
	}
	if j.report.Outcomes("rolled-back") > 0 {
		x.Counts.Undone++
	}
	if j.report.Outcomes("torn") > 0 {
		x.Counts.Torn++
	}
	if j.report.Swept > 0 {
		x.Counts.Swept++
	}
}

// Describe tells a crash in words: where, and what it did not leave whole.
func (r *Recording) Describe(c *Crash) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cut after event %d of %d: %v", c.Point, len(r.Events), r.Events[c.Point-1])
	for _, j := range slices.Sorted(maps.Keys(c.Fates)) {
		fmt.Fprintf(&b, "\n  %v %d %v", c.Fates[j], j+1, r.Events[j])
		if f := c.Fates[j]; f == Torn || f == Tail {
			fmt.Fprintf(&b, " (cut at sector %d)", c.Cut)
		}
	}
	return b.String()
}
