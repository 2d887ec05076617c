package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/txcommit/txcommit/txn"
)

// commit makes one transaction of the ops that add adds, and reports on it. key is the id that the user gave it.
func (a *app) commit(ctx context.Context, flags *commitFlags, key string, add func(*txn.Tx) error) error {
	return a.withCommits(ctx, flags, func(st *txn.Store, rep *commitReport) error {
		return a.commitIn(ctx, st, rep, flags, key, add)
	})
}

// withCommits runs f, which commits, with the store of the root.
func (a *app) withCommits(ctx context.Context, flags *commitFlags, f func(*txn.Store, *commitReport) error) (err error) {
	o := flags.options(&a.flags)
	if p := a.progress(flags); p != nil {
		o.Progress = p.update
		defer p.stop()
	}
	st, err := txn.Open(ctx, a.flags.root, o)
	rep := newCommitReport()
	a.report = rep
	if err != nil {
		rep.before(err)
		return a.opened(err)
	}
	rep.recovered(st.Recovered())
	defer func() { err = closed(err, st.Close(), flags.dryRun) }()
	return f(st, rep)
}

// commitIn is commit in a store that is open.
func (a *app) commitIn(ctx context.Context, st *txn.Store, rep *commitReport, flags *commitFlags, key string, add func(*txn.Tx) error) error {
	tx, err := st.Begin(ctx)
	if err != nil {
		return err
	}
	if err := add(tx); err != nil {
		return errors.Join(err, rolledBack(tx))
	}
	return a.commitTx(ctx, tx, rep, flags, key)
}

// commitTx ends a transaction, and reports on it.
func (a *app) commitTx(ctx context.Context, tx *txn.Tx, rep *commitReport, flags *commitFlags, key string) (err error) {
	defer func() { err = errors.Join(err, rolledBack(tx)) }()
	if flags.dryRun {
		return a.plan(ctx, tx, key, flags.plan)
	}
	res, err := tx.Commit(ctx)
	if res == nil {
		return err
	}
	rep.took(res, key)
	return outcome(res, err)
}

// opened notes that err comes from opening the root, or else from the store in it.
func (a *app) opened(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == a.flags.root {
		return at(atRoot, err)
	}
	return at(atStore, err)
}

// outcome adds to a commit's error what only its result tells.
func outcome(res *txn.Result, err error) error {
	switch {
	case err != nil && res.RolledBack:
		return at(atRollback, err)
	case err == nil:
		return at(atCleanup, res.Cleanup)
	}
	return err
}

// rolledBack ends a transaction that may be over already.
func rolledBack(tx *txn.Tx) error {
	if err := tx.Rollback(); !errors.Is(err, txn.ErrTxDone) {
		return err
	}
	return nil
}

// closed adds the error of closing a store to err. After a commit it is one of cleaning up.
func closed(err, closing error, dryRun bool) error {
	if err == nil && !dryRun {
		return at(atCleanup, closing)
	}
	return errors.Join(err, closing)
}
