package txn

import (
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

func (c *commit) prepare(ses *session, sc *scan, st *stage, steps []step) (*journal.Record, error) {
	p := newPreparer(sc, st)
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
	if c.store.opts.Durability == Process && !st.spread.Load() {
		boot, err := recovery.ThisBoot(ses.env.State)
		if err != nil {
			return nil, stageError("stat", err)
		}
		// Else nobody could tell later whether what is in memory only is gone, and it is committed as at level sync.
		if boot.Once() {
			return rec, p.levelProcess(boot, c.rep.Unsynced)
		}
	}
	n, made := p.made()
	return rec, stageError("write", st.keepSteps(rec, n, made))
}

// put is barrier 2, the commit point.
func (g *group) put(members []*member) error {
	ses, done := g.ses, g.rep.Finished
	first := members[0].rec
	if !first.Process || tooMany(g.rep.Unsynced) {
		if err := ses.env.SyncAll(g.rep.Unsynced); err != nil {
			return err
		}
		for _, r := range g.rep.Unsynced {
			done = append(done, r.ID)
		}
	}
	var records []*journal.Record
	for _, m := range members {
		records = append(records, m.rec)
	}
	err := ses.env.DB.Put(done, records...)
	if err == nil {
		return nil
	}
	err = recovery.PathErrno("write", statePath(journalFile), bareErrno(err))
	if gone, lerr := ses.notThere(first.ID); lerr == nil && gone {
		return err
	}
	// Written, perhaps, and perhaps not durable: only a recovery can tell.
	for _, m := range members {
		m.stage.handOver()
	}
	return recovery.Incomplete(err)
}

// notThere opens the journal again after a failed put: a record that cannot be seen was never written, and will not
// come back.
func (s *session) notThere(id uuid.UUID) (bool, error) {
	_ = s.env.DB.Close()
	db, err := journal.Open(opener(s.env.State), journalFile)
	if err != nil {
		return false, err
	}
	s.env.DB = db
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
