package txn

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

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

// repeated finds out whether the transaction's key was committed before.
func (c *commit) repeated(ctx context.Context) (done bool, err error) {
	err = c.store.locked(ctx, c.wait, func(ses *session) error {
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

func (c *commit) lookup(ses *session) (bool, error) {
	if c.tx.key == "" || ses.env.DB == nil {
		return false, nil
	}
	id, done, err := c.tx.lookup(ses.env.DB)
	if done {
		c.res.ID, c.res.Repeated, c.res.Committed = id, true, true
	}
	return done, err
}

// lookup finds the transaction that was committed with the same key and the same ops.
func (tx *Tx) lookup(db *journal.DB) (id string, done bool, err error) {
	known, ok, err := db.Lookup(tx.key)
	if err != nil || !ok {
		return "", false, err
	}
	digest, err := tx.digest()
	if err != nil {
		return "", false, err
	}
	if string(known.Ops) != string(digest) {
		return "", false, recovery.Conflict("id "+tx.key, "was committed before with other ops")
	}
	return known.ID.String(), true, nil
}

// committedBefore is lookup for a plan: it only reads, and shares the store's lock meanwhile with its like.
func (tx *Tx) committedBefore(ctx context.Context) (id string, done bool, err error) {
	state, err := tx.openState()
	if tx.key == "" || state == nil || err != nil {
		return "", false, err
	}
	if _, ok, err := isStore(state); err != nil || !ok {
		return "", false, err
	}
	lock, err := state.Open(lockFile)
	if err == nil {
		defer func() { _ = lock.Close() }()
		err = newWaiter(tx.store.opts.lockTimeout()).lock(ctx, lock, false, storeBusy(state), lastTaken(state))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without it nobody holds it
		return "", false, recovery.PathErrno("lock", statePath(lockFile), err)
	}
	db, err := openJournal(state, journal.OpenReadOnly)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = db.Close() }()
	return tx.lookup(db)
}

// stageFirst looks at the tree and stages what it seems to need, all without the lock. What it sees may be half of
// somebody's transaction: where there is a store, its errors about the tree are not believed until seen under the lock.
func (c *commit) stageFirst(ctx context.Context) (effective bool, err error) {
	since := ""
	if c.stored {
		since = restingStamp(c.tx.state)
	}
	sc, err := newScan(ctx, c.tx, c.store.root)
	if err == nil {
		defer sc.close()
		err = sc.checkAll()
	}
	c.storeCame()
	var steps []step
	if err == nil {
		steps, err = sc.steps()
	}
	if err == nil && since != "" {
		c.first = &firstLook{since, sc, steps}
	}
	if err == nil && len(steps) == 0 {
		c.count(sc, nil)
		c.res.Committed = !c.stored // under the lock it is looked at again
		if err = sc.checkContents(false); err == nil && !c.stored {
			sc.consume(c.res)
		}
		return false, err
	}
	switch {
	case err == nil:
	case !c.stored || errors.Is(err, fs.ErrInvalid) || ctx.Err() != nil:
		return false, err
	default:
		return true, nil
	}
	if err := sc.checkContents(false); err != nil {
		return false, err
	}
	st, err := c.tx.openStage()
	if err != nil {
		return false, err
	}
	err = st.stageAll(ctx, sc)
	if changed(err) && ctx.Err() == nil {
		c.first = nil
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
