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
				sc.consume(c.res)
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
