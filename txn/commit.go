package txn

import (
	"context"
	"io/fs"
	"syscall"
	"time"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
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
	tx.store.forget(tx)
	defer func() { _ = tx.store.drop() }()
	c := &commit{tx: tx, store: tx.store, res: &Result{}}
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
	acked func() // what follows the acknowledgement

	stored bool // there is a store already
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

// storeCame finds out whether another first commit has made the store while we looked at the tree.
func (c *commit) storeCame() {
	if c.stored {
		return
	}
	i, err := c.store.root.Stat(journal.StateFolder)
	if err == nil && i.Exists() {
		i, err = c.store.root.Stat(statePath(formatFile))
	}
	c.stored = err == nil && i.Exists()
}

// ready refuses what is wrong with the transaction itself.
func (c *commit) ready() error {
	if c.store.opts.ReadOnly {
		return errors.Wrap(fs.ErrPermission, "the store was opened read-only")
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

// repeated finds out whether the transaction's key was committed before.
func (c *commit) repeated(ctx context.Context) (done bool, err error) {
	err = c.store.locked(ctx, func(ses *session) error {
		rep, err := ses.recover(ctx)
		c.recovered(rep)
		if err != nil {
			return err
		}
		done, err = c.lookup(ses)
		return err
	})
	return done, err
}

func (c *commit) recovered(rep recovery.Report) {
	c.rep = rep
	c.res.Recovered = append(c.res.Recovered, rep.Recovered...)
	c.res.Displaced = append(c.res.Displaced, rep.Displaced...)
}

func (c *commit) lookup(ses *session) (bool, error) {
	if c.tx.key == "" || ses.env.DB == nil {
		return false, nil
	}
	known, ok, err := ses.env.DB.Lookup(c.tx.key)
	if err != nil || !ok {
		return false, err
	}
	digest, err := c.tx.digest()
	if err != nil {
		return false, err
	}
	if string(known.Ops) != string(digest) {
		return false, recovery.Conflict("id "+c.tx.key, "was committed before with other ops")
	}
	c.res.ID, c.res.Repeated, c.res.Committed = known.ID.String(), true, true
	return true, nil
}

// stageFirst looks at the tree and stages what it seems to need, all without the lock. What it sees may be half of
// somebody's transaction: where there is a store, its errors about the tree are not believed until seen under the lock.
func (c *commit) stageFirst(ctx context.Context) (effective bool, err error) {
	sc, err := newScan(ctx, c.tx, c.store.root)
	if err == nil {
		defer sc.close()
		err = sc.checkAll()
	}
	c.storeCame()
	if err == nil {
		var steps []*step
		if steps, err = sc.steps(); err == nil && len(steps) == 0 {
			c.count(sc, nil)
			c.res.Committed = !c.stored // under the lock it is looked at again
			if err = sc.checkContents(); err == nil && !c.stored {
				c.tx.consume(c.res)
			}
			return false, err
		}
	}
	switch {
	case err == nil:
	case !c.stored || errors.Is(err, fs.ErrInvalid) || ctx.Err() != nil:
		return false, err
	default:
		return true, nil
	}
	if err := sc.checkContents(); err != nil {
		return false, err
	}
	st, err := c.tx.openStage()
	if err != nil {
		return false, err
	}
	err = st.stageAll(ctx, sc)
	if changed(err) && ctx.Err() == nil {
		st.restart() // others have changed the tree since the look at it: it is staged again under the lock
		return true, nil
	}
	return true, err
}

// changed says that an error may come from a tree that is not as it was when it was looked at.
func changed(err error) bool {
	for _, is := range []error{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ESTALE, syscall.ELOOP} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// locked does everything from step 2 on.
func (c *commit) locked(ctx context.Context, effective bool) error {
	w := newWaiter(c.store.opts.lockTimeout())
	if err := c.store.enter(ctx, w); err != nil {
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
	ses, err := openSession(ctx, c.store.root, state, w, effective)
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
	if c.acked != nil {
		ses.unlock()
		c.acked()
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
	if done, err := c.lookup(ses); done || err != nil {
		return err
	}
	sc, err := newScan(ctx, c.tx, c.store.root)
	if err != nil {
		return err
	}
	defer sc.close()
	if err := sc.checkAll(); err != nil {
		return err
	}
	steps, err := sc.steps()
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return c.nothing(ses, sc)
	}
	return c.commit(ctx, ses, sc, steps)
}

// nothing ends a commit that finds all in place. What transactions of level process have left is made durable by it,
// as by any other of level sync.
func (c *commit) nothing(ses *session, sc *scan) error {
	if err := sc.checkContents(); err != nil {
		return err
	}
	c.count(sc, nil)
	c.res.Committed = true
	c.tx.consume(c.res)
	if c.store.opts.Durability != Sync || ses.env.DB == nil || len(c.rep.Unsynced) == 0 {
		return nil
	}
	if err := ses.env.SyncAll(c.rep.Unsynced); err != nil {
		return err
	}
	return ses.env.DB.Delete(c.rep.Unsynced...)
}

// commit does steps 1 to 7 for a transaction that has something to do.
func (c *commit) commit(ctx context.Context, ses *session, sc *scan, steps []*step) error {
	st, err := c.tx.openStage()
	if err != nil {
		return err
	}
	if err := errors.Join(st.stageAll(ctx, sc), sc.checkContents()); err != nil {
		return err
	}
	rec, err := c.prepare(ses, sc, st, steps)
	if err != nil {
		return err
	}
	if err := ses.complete(ctx); err != nil {
		return err
	}
	if err := ses.lockView(ctx); err != nil {
		return err
	}
	run, err := recovery.Prepare(&ses.env, rec)
	if err != nil {
		return recovery.PathErrno("open", ".txcommit/stage", err)
	}
	defer run.Close()
	err = run.OpenParents(func(path string) bool { f, ok := sc.byPath[path]; return ok && f.kind == wantFolder })
	if err != nil {
		return err
	}
	if err := c.makeDurable(ses, sc, st); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the last moment to turn back
		return err
	}
	layBallast(ses.env.State)
	defer func() { _ = ses.env.State.Unlink(recovery.BallastFile) }()
	if err := c.put(ses, rec); err != nil {
		return err
	}
	st.handOver()
	return c.resume(ses, sc, rec, run)
}

func (c *commit) prepare(ses *session, sc *scan, st *stage, steps []*step) (*journal.Record, error) {
	p, err := newPreparer(sc, st)
	if err != nil {
		return nil, err
	}
	rec, err := p.record(steps)
	if err != nil {
		return nil, err
	}
	c.res.ID, c.res.Bytes = st.id, st.bytes.Load()
	c.count(sc, p.removed)
	if rec.Key != "" {
		if rec.Ops, err = c.tx.digest(); err != nil {
			return nil, err
		}
	}
	if c.store.opts.Durability == Process {
		return rec, p.levelProcess(ses.env.State)
	}
	return rec, nil
}

// put is barrier 2, the commit point.
func (c *commit) put(ses *session, rec *journal.Record) error {
	done := c.rep.Finished
	if !rec.Process {
		if err := ses.env.SyncAll(c.rep.Unsynced); err != nil {
			return err
		}
		for _, r := range c.rep.Unsynced {
			done = append(done, r.ID)
		}
	}
	err := ses.env.DB.Put(rec, done)
	if err == nil {
		return nil
	}
	err = recovery.PathErrno("write", statePath(journalFile), bareErrno(err))
	if gone, lerr := c.notThere(ses, rec.ID); lerr == nil && gone {
		return err
	}
	// Written, perhaps, and perhaps not durable: only a recovery can tell.
	c.tx.stage.handOver()
	return recovery.Incomplete(err)
}

// notThere opens the journal again after a failed put: a record that cannot be seen was never written, and will not
// come back.
func (c *commit) notThere(ses *session, id uuid.UUID) (bool, error) {
	_ = ses.env.DB.Close()
	db, err := journal.Open(opener(ses.env.State), journalFile)
	if err != nil {
		return false, err
	}
	ses.env.DB = db
	all, err := db.Records()
	if err != nil {
		return false, err
	}
	for _, r := range all {
		if r.ID == id {
			return false, nil
		}
	}
	return true, nil
}

// resume does steps 5 to 7.
func (c *commit) resume(ses *session, sc *scan, rec *journal.Record, run *recovery.Run) error {
	env := ses.env
	c.acked = func() {
		if err := env.EmptyTrash(); err != nil && c.res.Cleanup == nil {
			c.res.Cleanup = err
		}
	}
	err := run.Resume()
	c.res.Displaced = append(c.res.Displaced, run.Displaced()...)
	if err != nil {
		var back *recovery.RolledBack
		c.res.RolledBack = errors.As(err, &back)
		return sc.blame(err)
	}
	c.res.Committed = true
	c.res.Cleanup = run.Finish()
	if c.res.Cleanup == nil && !rec.Process && !rec.Hasty() {
		c.res.Cleanup = ses.shrink(rec)
	}
	c.tx.consume(c.res)
	return nil
}

// layBallast puts some space aside for the undo of a transaction on a disk that is full by then.
func layBallast(state *fsys.Dir) {
	const size = 64 << 10
	f, err := state.OpenOrCreate(recovery.BallastFile, 0o600)
	if err != nil {
		return
	}
	_ = fsys.Allocate(f, size)
	_ = f.Close()
}
