package txn

import (
	"context"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/recovery"
)

// Commit makes all ops take effect, or none. When it returns without an error the tree is new; with durability sync it
// survives a power loss. The Result tells what was done, also beside an error. Cancelling ctx before the commit point
// rolls back and returns ctx's error; after it the commit is finished. Commit ends the transaction in any case.
//
// An error that matches ErrIncomplete leaves the tree in between, and the journal with all that is needed to end it;
// after any other error the tree is as it was.
func (tx *Tx) Commit(ctx context.Context) (*Result, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return nil, ErrTxDone
	}
	start := time.Now()
	tx.done = true
	tx.byPath = nil             // no op comes any more
	_ = tx.store.trashEmptied() // so that the space that it frees can be had
	tx.store.forget(tx)
	defer func() { _ = tx.store.drop() }()
	c := &commit{tx: tx, store: tx.store, res: &Result{}, wait: newWaiter(tx.store.opts.lockTimeout())}
	err := c.run(ctx)
	if rerr := tx.release(); err == nil && rerr != nil && c.res.Cleanup == nil {
		c.res.Cleanup = rerr
	}
	c.res.Duration = time.Since(start)
	return c.res, err
}

// commit is one run of the protocol. Its steps are those of docs/design.md.
type commit struct {
	tx    *Tx
	store *Store
	res   *Result
	rep   recovery.Report
	wait  *waiter

	stored bool       // there is a store already
	first  *firstLook // nil where it cannot do for the look under the lock
	ended  bool       // records were put and resumed: there may be something in trash/

	// What another commit has to know that commits this transaction too, and what it says in the end; see group.go.
	ctx     context.Context
	verdict *verdict
}

func (c *commit) run(ctx context.Context) error {
	if err := c.ready(); err != nil {
		return err
	}
	state, err := c.tx.openState()
	if err != nil {
		return err
	}
	if state != nil {
		if _, c.stored, err = isStore(state); err != nil {
			return err
		}
	}
	if c.stored && c.tx.key != "" {
		if done, err := c.repeated(ctx); done || err != nil {
			return err
		}
	}
	effective, err := c.stageFirst(ctx)
	if err != nil || !effective && !c.stored {
		return err
	}
	return c.locked(ctx, effective)
}

// ready refuses what is wrong with the transaction itself.
func (c *commit) ready() error {
	if c.store.opts.ReadOnly {
		return errReadOnly()
	}
	if c.store.viewing() {
		return errViewing()
	}
	for _, s := range c.tx.streams {
		if err := s.ready(); err != nil {
			return err
		}
	}
	return nil
}

func (c *commit) recovered(rep recovery.Report) {
	c.rep = rep
	c.res.Recovered = append(c.res.Recovered, rep.Recovered...)
	c.res.Displaced = append(c.res.Displaced, rep.Displaced...)
}

// locked does everything from step 2 on.
func (c *commit) locked(ctx context.Context, effective bool) error {
	if done, err := c.turn(ctx, effective); done || err != nil {
		return err
	}
	defer c.store.leave()
	if effective {
		if _, err := c.tx.openStage(); err != nil {
			return err
		}
	}
	// The session has a handle of its own: the transaction may get another one when it stages only now.
	state, err := openState(c.store.root)
	if err == nil && state == nil {
		err = errStateGone
	}
	if err != nil {
		return err
	}
	defer closeDir(state)
	ses, err := openSession(ctx, c.store.root, state, c.wait, effective)
	if errors.Is(err, errNoStore) {
		c.res.Committed = true // nothing to do, and nobody to do it to
		return nil
	}
	if err != nil {
		return err
	}
	defer ses.close()
	err = c.underLock(ctx, ses)
	if err != nil {
		ses.unmake()
	}
	if c.ended {
		ses.unlock()
		c.store.emptyTrash(ses.takeTrash())
	}
	return err
}

func (c *commit) underLock(ctx context.Context, ses *session) error {
	if !ses.made {
		rep, err := ses.recover(ctx)
		c.recovered(rep)
		if err != nil {
			return err
		}
	}
	first, err := c.look(ctx, ses)
	if first == nil || err != nil {
		return err
	}
	g := &group{ses: ses, rep: &c.rep, members: []*member{first}}
	defer g.close()
	if err := first.prepare(ses); err != nil {
		return err
	}
	g.join()
	g.commit()
	return first.err
}

// look finds out under the lock what there is to do, nil for nothing. What it returns must be closed.
func (c *commit) look(ctx context.Context, ses *session) (*member, error) {
	if done, err := c.lookup(ses); done || err != nil {
		return nil, err
	}
	m := &member{c: c, ctx: ctx, err: recovery.Incomplete(errUnended)}
	err := m.look(ses)
	if err == nil && len(m.steps) > 0 {
		return m, nil
	}
	defer m.close()
	if err == nil {
		err = c.nothing(ses, m.scan)
	}
	return nil, err
}

// nothing ends a commit that finds all in place. What transactions of level process have left is made durable by it,
// as by any other of level sync.
func (c *commit) nothing(ses *session, sc *scan) error {
	if err := sc.checkContents(false); err != nil {
		return err
	}
	if c.store.opts.Durability == Sync && ses.env.DB != nil && len(c.rep.Unsynced) > 0 {
		if err := ses.env.SyncAll(c.rep.Unsynced); err != nil {
			return err
		}
		if err := ses.env.DB.Delete(c.rep.Unsynced...); err != nil {
			return err
		}
	}
	c.count(sc, nil)
	c.res.Committed = true
	sc.consume(c.res)
	return nil
}
