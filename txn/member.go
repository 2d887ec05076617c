package txn

import (
	"context"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// member is a transaction that has something to do, under the lock.
type member struct {
	c     *commit
	ctx   context.Context
	scan  *scan
	steps []step

	// After prepare:
	stage *stage
	rec   *journal.Record
	run   *recovery.Run

	err error // how it has ended
}

// errUnended is how a member has ended whose group was given up by a panic.
var errUnended = errors.New("the commit that had taken this one in did not come to its end; the next one recovers")

// look finds out what there is to do, again if need be.
func (m *member) look(ses *session) (err error) {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if first := m.c.first; first != nil {
		m.c.first = nil
		if first.stands(ses) {
			m.scan, m.steps = first.scan, first.steps
			m.scan.locked = true
			return nil
		}
		first.scan.close()
	}
	if m.scan, err = newScan(m.ctx, m.c.tx, m.c.store.root); err != nil {
		return err
	}
	m.scan.locked = true
	if err = m.scan.checkAll(); err == nil {
		m.steps, err = m.scan.steps()
	}
	return err
}

// prepare does all that is left to be done before barrier 1.
func (m *member) prepare(ses *session) (err error) {
	if ses.readOnly {
		return recovery.PathError("write", journal.StateFolder, syscall.EROFS)
	}
	if m.stage, err = m.c.tx.openStage(); err != nil {
		return err
	}
	if err := m.stage.dropLost(m.scan); err != nil {
		return err
	}
	if err := errors.Join(m.stage.stageAll(m.ctx, m.scan), m.scan.checkContents(false)); err != nil {
		return err
	}
	if m.rec, err = m.c.prepare(ses, m.scan, m.stage, m.steps); err != nil {
		return err
	}
	if err := ses.complete(m.ctx); err != nil {
		return err
	}
	if err := ses.lockView(m.ctx); err != nil {
		return err
	}
	if m.run, err = recovery.Prepare(&ses.env, m.rec); err != nil {
		return recovery.PathErrno("open", ".txcommit/stage", err)
	}
	return m.run.OpenParents(func(path string) bool { w := m.scan.byPath.find(path); return w != nil && w.kind == wantFolder })
}

func (m *member) close() {
	if m.run != nil {
		m.run.Close()
	}
	if m.scan != nil {
		m.scan.close()
	}
}

// resumed ends a transaction whose steps were done, or taken back.
func (m *member) resumed(ses *session, err error) {
	c, rec := m.c, m.rec
	c.res.Displaced = append(c.res.Displaced, m.run.Displaced()...)
	if err != nil {
		var back *recovery.RolledBack
		c.res.RolledBack = errors.As(err, &back)
		m.err = m.scan.blame(err)
		return
	}
	m.err = nil
	c.res.Committed = true
	c.res.Cleanup = m.run.Finish()
	if c.res.Cleanup == nil {
		c.res.Cleanup = ses.dropHistory(c.rep.Kept, rec, c.tx)
	}
}

// ended says that the record of a transaction that has taken effect is left to the next put.
func (m *member) ended() bool {
	return m.err == nil && m.c.res.Cleanup == nil && !m.rec.Process && !m.rec.Hasty()
}
