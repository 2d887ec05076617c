package txn

import (
	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

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
	p.keep(c.res)
	for _, r := range c.rep.Kept { // the history has their order, also when the clock was set back
		rec.Created = max(rec.Created, r.Created+1)
	}
	if rec.Key != "" {
		if rec.Ops, err = c.tx.digest(); err != nil {
			return nil, err
		}
	}
	if c.store.opts.Durability == Process {
		return rec, p.levelProcess(ses.env.State, c.rep.Unsynced)
	}
	return rec, nil
}

// put is barrier 2, the commit point.
func (c *commit) put(ses *session, rec *journal.Record) error {
	done := c.rep.Finished
	if !rec.Process || tooMany(c.rep.Unsynced) {
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
	c.ended = true
	c.tx.progress.begin(PhaseCommit, len(rec.Steps), c.res.Bytes)
	err := run.Resume()
	c.res.Displaced = append(c.res.Displaced, run.Displaced()...)
	if err != nil {
		var back *recovery.RolledBack
		c.res.RolledBack = errors.As(err, &back)
		return sc.blame(err)
	}
	c.res.Committed = true
	c.res.Cleanup = run.Finish()
	if c.res.Cleanup == nil {
		c.res.Cleanup = ses.dropHistory(c.rep.Kept, rec, c.tx)
	}
	if c.res.Cleanup == nil && !rec.Process && !rec.Hasty() {
		c.res.Cleanup = ses.shrink(rec)
	}
	sc.consume(c.res)
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

// tooMany says that the records of level process, which wait for a commit that makes them durable, have become a burden:
// every commit reads them all.
func tooMany(unsynced []*journal.Record) bool {
	const records, steps = 32, 4096
	n := 0
	for _, r := range unsynced {
		n += len(r.Steps)
	}
	return len(unsynced) >= records || n >= steps
}
