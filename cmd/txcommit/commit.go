package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// commit makes one transaction of the ops that add adds, and reports on it. key is the id that the user gave it.
func (a *app) commit(ctx context.Context, flags *commitFlags, key string, add func(*txn.Tx) error) (err error) {
	st, err := txn.Open(ctx, a.flags.root, flags.options(&a.flags))
	rep := newCommitReport()
	a.report = rep
	if err != nil {
		rep.before(err)
		return a.opened(err)
	}
	rep.recovered(st.Recovered())
	defer func() { err = closed(err, st.Close(), flags.dryRun) }()

	tx, err := st.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rolledBack(tx)) }()
	if err := add(tx); err != nil {
		return err
	}
	if flags.dryRun {
		return a.plan(ctx, tx)
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

// plan reports what a commit of tx would do.
func (a *app) plan(ctx context.Context, tx *txn.Tx) error {
	start := time.Now()
	p, err := tx.Plan(ctx)
	if err != nil {
		return err
	}
	a.report = newPlanReport(p, time.Since(start))
	return nil
}
