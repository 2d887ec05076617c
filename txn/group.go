package txn

import (
	"context"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// A group is a commit with those of other goroutines that wait for their turn behind it: they share barrier 1, the put and
// barrier 3, and so the flushes. Each has a record of its own and ends by itself, as in docs/design.md; none sees what
// another one does. That is as if they had come one after the other because only such join that write files, at the cost
// of nothing else: no path and no file of one is one of another, and no op takes away, or makes, what others are found
// through.
type group struct {
	ses     *session
	rep     *recovery.Report // of the recovery under this lock
	members []*member        // the first one has the lock
}

// maxGroup bounds how long the last one waits for the first.
const maxGroup = 64

// verdict is what became of a commit that another one has taken into its group, or wanted to.
type verdict struct {
	told  chan struct{} // closed when the rest is known
	ended bool          // false: it clashes, and has to wait for another turn
	err   error
}

func (v *verdict) tell(ended bool, err error) {
	v.ended, v.err = ended, err
	close(v.told)
}

// turn waits until this commit has the store's queue for itself, or another one has committed its transaction too.
func (c *commit) turn(ctx context.Context, effective bool) (done bool, err error) {
	if !effective || !c.joins() {
		return false, c.store.enter(ctx, c.wait)
	}
	c.ctx = ctx
	for {
		v := &verdict{told: make(chan struct{})}
		c.verdict = v
		c.store.post(c)
		first, err := c.store.enterUnless(ctx, c.wait, v.told)
		if c.store.withdraw(c) {
			return false, err
		}
		<-v.told // somebody has taken it
		switch {
		case v.ended && first:
			c.store.leave()
			return true, v.err
		case v.ended:
			return true, v.err
		case first || err != nil:
			return false, err
		}
	}
}

// joins says that the transaction may be committed in a group, or lead one: see group.
func (c *commit) joins() bool {
	o := &c.store.opts
	if o.Durability != Sync || o.History > 0 || c.tx.key != "" || c.tx.undone != nil {
		return false
	}
	return !slices.ContainsFunc(c.tx.ops, func(o op) bool {
		return o.Kind != manifest.Write || o.Source != "" || o.back != nil
	})
}

// post lets others take the commit into their group, until withdraw, which says whether nobody has.
func (s *Store) post(c *commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, c)
}

func (s *Store) withdraw(c *commit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, c)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// take takes commits that wait.
func (s *Store) take(n int) []*commit {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(s.waiting))
	taken := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	return taken
}

// join takes those in that wait, unless they clash.
func (g *group) join() {
	first := g.members[0]
	claims := claims{}
	if g.ses.made || !first.c.joins() || !claims.add(first) { // prepared, so that its outer folders are known
		return
	}
	for _, c := range first.c.store.take(maxGroup - 1) {
		g.takeIn(c, claims)
	}
}

func (g *group) takeIn(c *commit, claims claims) {
	ended, err := true, recovery.Incomplete(errUnended)
	waits := false
	defer func() { // also after a panic: nobody must wait for ever
		if !waits {
			c.verdict.tell(ended, err)
		}
	}()
	m, lerr := c.look(c.ctx, g.ses)
	if m == nil || lerr != nil {
		err = lerr
		return
	}
	if !claims.add(m) {
		m.close()
		ended = false
		return
	}
	if err = m.prepare(g.ses); err != nil {
		m.close()
		return
	}
	if m.stage.spread.Load() {
		m.close()
		ended = false
		return
	}
	g.members = append(g.members, m)
	waits = true
}

// claims are what the members of a group look at or change.
type claims map[any]bool

// add says whether a member may join.
func (cl claims) add(m *member) bool {
	if s := m.c.tx.stage; s != nil && s.spread.Load() {
		return false
	}
	var mine []any
	for _, w := range m.scan.byPath.items {
		switch {
		case w.kind != wantFile && w.kind != wantSame, w.inside() != nil, w.info.Kind != fsys.File && w.info.Exists():
			return false
		}
		mine = append(mine, w.path())
		if w.info.Exists() {
			mine = append(mine, w.info.ID)
		}
	}
	if slices.ContainsFunc(mine, func(c any) bool { return cl[c] }) {
		return false
	}
	for _, c := range mine {
		cl[c] = true
	}
	return true
}

// commit does what is left of steps 3 to 7.
func (g *group) commit() {
	state := g.ses.env.State
	if err := g.makeDurable(); err != nil {
		g.fail(err)
		return
	}
	if err := g.stillThere(); err != nil {
		g.fail(err)
		return
	}
	var going []*member
	for _, m := range g.members { // the last moment to turn back
		if err := m.ctx.Err(); err != nil {
			m.err = err
		} else {
			going = append(going, m)
		}
	}
	if len(going) == 0 {
		return
	}
	layBallast(state)
	defer func() { _ = state.Unlink(recovery.BallastFile) }()
	if err := g.put(going); err != nil {
		for _, m := range going {
			m.err = err
		}
		return
	}
	var runs []*recovery.Run
	var done []*journal.Record // they go with the next put
	for _, m := range going {
		m.stage.handOver()
		m.c.tx.progress.begin(PhaseCommit, len(m.rec.Steps), m.c.res.Bytes)
		runs = append(runs, m.run)
	}
	g.members[0].c.ended = true
	for i, err := range recovery.ResumeAll(runs) {
		going[i].resumed(g.ses, err)
		if going[i].ended() {
			done = append(done, going[i].rec)
		}
	}
	if len(done) > 0 {
		res := g.members[0].c.res
		res.Cleanup = errors.Join(res.Cleanup, g.ses.shrink(done...))
	}
	for _, m := range going {
		if m.err == nil {
			m.scan.consume(m.c.res)
		}
	}
}

// stillThere makes sure that nobody has deleted the state folder, or what is staged in it: from the commit point on, a
// staged file that is gone would look like one that is in the tree.
func (g *group) stillThere() error {
	env := &g.ses.env
	if err := stillThere(env.Root, env.State); err != nil {
		return err
	}
	for _, m := range g.members {
		i, err := env.Stage.Stat(m.stage.id)
		if err == nil && (i.ID.Ino != m.rec.Stage.Ino || i.ID.Born != m.rec.Stage.Born) {
			err = errStateGone
		}
		if err == nil {
			err = m.stage.outersThere()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fail ends all before the commit point.
func (g *group) fail(err error) {
	for _, m := range g.members {
		m.err = err
	}
}

// close tells the members what became of them.
func (g *group) close() {
	for i, m := range g.members {
		m.close()
		if i > 0 {
			m.c.verdict.tell(true, m.err)
		}
	}
}
