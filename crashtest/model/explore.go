package model

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
)

// Counts are what was looked at, and what it was.
type Counts struct {
	Recordings int
	Events     int
	States     int // distinct
	Applied    int // of these: the recovery completed a transaction and had to change the tree for it
	Redone     int // a transaction was completed
	Undone     int // a transaction was taken back
	Swept      int // something staged was swept
	Torn       int // a transaction of level process was reported
	Nested     int // distinct states after a cut of a recovery; they are among States
	Cut        int // recoveries that were cut so
	Disturbed  int // states in which a foreign program had changed something before the recovery; they are among States
	Killed     int // of these recoveries: after the death of a process, which loses nothing until the power fails as well
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Recordings += o.Recordings
	c.Events += o.Events
	c.States += o.States
	c.Applied += o.Applied
	c.Redone += o.Redone
	c.Undone += o.Undone
	c.Swept += o.Swept
	c.Torn += o.Torn
	c.Nested += o.Nested
	c.Cut += o.Cut
	c.Killed += o.Killed
	c.Disturbed += o.Disturbed
}

func (c Counts) String() string {
	return fmt.Sprintf("%d recordings, %d events, %d distinct states; of these %d needed redo and %d of them a change of the tree, "+
		"%d undo, %d sweep; %d had a torn transaction of level process; %d came from %d cut recoveries, %d of them after a kill; a foreign program came before the recovery in %d",
		c.Recordings, c.Events, c.States, c.Redone, c.Applied, c.Undone, c.Swept, c.Torn, c.Nested, c.Cut, c.Killed, c.Disturbed)
}

// Limits bound an exploration.
type Limits struct {
	States int  // of one recording
	Random int  // random states of one point
	Nested int  // states of one cut recovery
	Every  int  // one in so many recoveries that have something to do is cut
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
	return &Explorer{Bin: bin, Limits: limits, dir: dir, checks: map[uint64]bool{}}
}

// Close unmounts.
func (x *Explorer) Close() error {
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
		if err := x.Close(); err != nil {
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
	x.Counts.Recordings++
	x.Counts.Events += len(r.Events)
	bad, err := x.kills(r)
	if err != nil || x.Limits.First && len(bad) > 0 {
		return bad, err
	}
	all := x.crashes(r)
	for end, i := x.Counts.States+x.Limits.States, 0; i < len(all) && x.Counts.States < end; i++ {
		c := all[i]
		v, err := x.visit(&State{Case: r.Case, Image: r.State(c), Acked: r.acked[c.Point], How: r.describe(c)})
		bad = append(bad, v...)
		if err != nil || x.Limits.First && len(bad) > 0 {
			return bad, err
		}
	}
	return bad, nil
}

// crashes lists the power cuts of a run in the order in which they are looked at: every other one falls between the
// beginning of a put and the end of its transaction.
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
	for i := range max(len(lists[0]), len(lists[1])) {
		for _, l := range lists {
			if i < len(l) {
				all = append(all, l[i])
			}
		}
	}
	return all
}

// at lists the power cuts at one point. Right after a sync they are among those right before it.
func (x *Explorer) at(r *Recording, point, random int) []*Crash {
	if r.Events[point-1].Kind == memfs.Sync {
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
	if !x.skips(x.Limits.Strangers) {
		if d := x.disturb(s); d != nil && x.fresh(d) {
			if _, err := x.judge(d, x.second, false); err != nil {
				return []*Violation{{*d, err}}, nil
			}
			x.Counts.Disturbed++
		}
	}
	if len(j.report.Recovered) == 0 && j.report.Swept == 0 || x.rng.IntN(max(1, x.Limits.Every)) != 0 {
		return nil, nil
	}
	return x.nested(s, NewRecording(s.Image, j.events), 1)
}

// fresh says that nothing that looks the same was visited, with the same acknowledgements.
func (x *Explorer) fresh(s *State) bool {
	h := s.Image.Hash(s.Image.Root)*31 + uint64(s.Acked)
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

// judgement is what recovery made of a state.
type judgement struct {
	report *oracle.Report
	moved  bool // the tree
	events []memfs.Event
}

// judge shows a state, recovers it and asks the oracle. Any error is a violation.
func (x *Explorer) judge(s *State, m *memfs.Mount, record bool) (*judgement, error) {
	at := fmt.Sprintf("w%d", x.shown) // the kernel remembers names
	m.Show(at, s.Image)
	m.Tick()
	defer m.Drop(at)
	before, err := Seen(s.Image)
	if err != nil {
		return nil, err
	}
	if record {
		m.Record(at, "mark")
	}
	dir := filepath.Join(m.Dir, at)
	j := &judgement{}
	j.report, err = oracle.Recover(x.Bin, filepath.Join(dir, "root"))
	if record {
		j.events = m.Recorded()
	}
	if err != nil {
		return nil, err
	}
	if err := s.Case.CheckReport(j.report, s.Acked); err != nil {
		return nil, err
	}
	image := m.Take(at)
	after, err := Seen(image)
	if err != nil {
		return nil, err
	}
	j.moved = !maps.Equal(before.Tree, after.Tree)
	if err := s.check(image, after); err != nil {
		return nil, err
	}
	if err := x.checkJournal(image); err != nil {
		return nil, err
	}
	return j, x.again(j, m, dir, after)
}

// check asks the oracle about what recovery has left.
func (s *State) check(m *memfs.Image, after *oracle.Seen) error {
	if s.Stranger == nil {
		_, err := s.Case.Check(after, s.Acked)
		return err
	}
	if err := s.Stranger.kept(m); err != nil {
		return err
	}
	return s.Case.CheckDisturbed(after, s.Acked, s.Stranger.Path, s.Stranger.Breaks)
}

// again recovers once more, and at times lets the store take another transaction. A store that needed nothing is asked
// less often.
func (x *Explorer) again(j *judgement, m *memfs.Mount, dir string, after *oracle.Seen) error {
	idle := len(j.report.Recovered) == 0 && j.report.Swept == 0
	if idle && x.skips(8) || x.skips(2) {
		return nil
	}
	r, err := oracle.Recover(x.Bin, filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	if r.Exit != 0 || r.Result != "clean" || len(r.Recovered) > 0 || r.Swept > 0 {
		return fmt.Errorf("second recovery: exit code %d, want nothing to do\n%s", r.Exit, r.Text)
	}
	again, err := Seen(m.Take(filepath.Base(dir)))
	if err != nil {
		return err
	}
	if err := oracle.SameSeen(after, again); err != nil {
		return err
	}
	if x.skips(8) {
		return nil
	}
	return oracle.Next(x.Bin, dir, after)
}

// skips says to leave something out, which is done one in n times only; but always when a state is replayed.
func (x *Explorer) skips(n int) bool { return x.rng != nil && x.rng.IntN(n) != 0 }

// checkJournal lets bbolt check the journal of an image, in a file that is not on a mount of this process.
func (x *Explorer) checkJournal(m *memfs.Image) error {
	ino := m.At("root/" + stateFolder + "/journal.db")
	if ino == 0 {
		return nil
	}
	h := (&memfs.Image{Root: 1, Nodes: map[uint64]*memfs.Inode{
		1: {Mode: m.Nodes[m.Root].Mode, Kids: map[string]uint64{"j": 2}}, 2: {Data: m.Nodes[ino].Data},
	}}).Hash(1)
	if x.checks[h] {
		return nil
	}
	x.checks[h] = true
	at := filepath.Join(x.dir, "journal.db")
	if err := os.WriteFile(at, m.Nodes[ino].Data, 0o600); err != nil {
		return err
	}
	return oracle.CheckJournal(at)
}

// describe tells a crash in words: where, and what it did not leave whole.
func (r *Recording) describe(c *Crash) string {
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
