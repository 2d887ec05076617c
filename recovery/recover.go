package recovery

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/journal"
)

// Report tells what a recovery did, and what it left in the journal.
type Report struct {
	Recovered []Outcome
	Swept     int
	Displaced []string
	// Left is what dead processes have staged that could not be deleted.
	Left []Left
	// Finished are the records that the next put deletes: their transactions have ended.
	Finished []uuid.UUID
	// Unsynced are the finished records of level process: what they did must be made durable before they go.
	Unsynced []*journal.Record
	// Kept are the records of the transactions in history/, in their order.
	Kept []*journal.Record
}

// Pending is what a recovery has to do.
type Pending struct {
	records  []*journal.Record // unfinished, in the order of their transactions
	dead     []string          // names in stage/ that belong to no live process and no record
	finished []uuid.UUID
	unsynced []*journal.Record
	kept     []*journal.Record // finished, and what they replaced is in history/
	stray    []string          // ids of stage folders that belong in history/
	undone   []string          // ids of folders in history/ whose transactions have been undone
	lost     []string          // names in history/ that no record speaks of
	orphans  []string          // stage folders that may be a transaction's whose record is gone
	boot     BootMount
}

// None says that there is nothing to do.
func (p *Pending) None() bool {
	return !p.Unfinished() && len(p.dead) == 0 && len(p.stray) == 0 && len(p.undone) == 0 && len(p.lost) == 0
}

// Unfinished says that a transaction has to be ended, for which the view lock is needed.
func (p *Pending) Unfinished() bool { return len(p.records) > 0 || len(p.orphans) > 0 }

// Leave tells why all that the stage folder holds of dead processes stays there.
func (p *Pending) Leave(why error) (left []Left) {
	for _, n := range p.dead {
		left = append(left, Left{Path: ".txcommit/stage/" + n, Why: why})
	}
	return left
}

// Leftovers counts the dead processes of which the stage folder holds something.
func (p *Pending) Leftovers() int {
	ids := map[string]bool{}
	for _, n := range p.dead {
		ids[idOf(strings.TrimSuffix(n, OwnerSuffix))] = true
	}
	return len(ids)
}

// Outcomes tells what a recovery would do.
func (p *Pending) Outcomes() []Outcome {
	var out []Outcome
	for _, r := range p.records {
		what := map[journal.State]string{
			journal.Decided: "to complete", journal.Aborting: "to roll back", journal.Abandoned: "to abandon",
		}[r.State]
		if r.State != journal.Abandoned && p.rebooted(r) {
			what = "to verify"
		}
		out = append(out, Outcome{ID: r.ID.String(), Outcome: what, Message: r.Message})
	}
	for _, id := range p.orphans {
		out = append(out, Outcome{ID: id, Outcome: "to be given up"})
	}
	return out
}

// Look finds out what there is to recover. It changes nothing.
func (e *Env) Look() (*Pending, error) {
	boot, err := ThisBoot(e.State)
	if err != nil {
		return nil, err
	}
	all, err := e.DB.Records()
	if err != nil {
		return nil, err
	}
	p := &Pending{boot: boot}
	known := map[string]bool{}
	history, err := e.historyNames()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		id := r.ID.String()
		i, err := e.Stage.Stat(id)
		if err != nil {
			return nil, PathError("stat", ".txcommit/stage/"+id, err)
		}
		p.sortKept(r, i.Exists(), history[id])
		delete(history, id)
		switch {
		case r.State == journal.Kept:
			known[id] = i.Exists() // an owner file may have come back without its folder
		case i.Exists(), r.State != journal.Decided, p.rebooted(r):
			p.records = append(p.records, r)
			known[id] = true
		case r.Process:
			p.unsynced = append(p.unsynced, r)
		default:
			p.finished = append(p.finished, r.ID)
		}
	}
	slices.SortStableFunc(p.kept, func(a, b *journal.Record) int { return cmp.Compare(a.Created, b.Created) })
	p.lost = slices.Sorted(maps.Keys(history))
	p.kept = p.dropUndone(p.kept)
	p.dead, err = e.deadStages(known)
	if err == nil {
		err = e.findOrphans(p)
	}
	return p, err
}

// rebooted says that the page cache in which a transaction of level process left its changes is gone, or may be.
func (p *Pending) rebooted(r *journal.Record) bool {
	return r.Process && (r.Boot == "" || r.Boot != p.boot.Boot || r.Mount != p.boot.Mount)
}

// Recover ends every unfinished transaction, forward or back, and deletes what dead processes have staged. It stops at
// the first one that cannot be ended; what was ended before is in the report.
func (e *Env) Recover(p *Pending) (Report, error) {
	rep := Report{Finished: p.finished, Unsynced: p.unsynced, Kept: p.kept}
	if len(p.orphans) > 0 {
		return rep, Incomplete(errors.New("the journal does not know transaction " + p.orphans[0] + ", which was changing files: an older journal was put back"))
	}
	e.dropBallast()
	if p.None() {
		return rep, PathError("write", viewName, e.MarkClean())
	}
	// A record that we see may be one that a killed process had written and not yet synced. If we acted on it and the
	// power failed, half of it would be in the tree and nothing in the journal.
	if err := e.DB.Settle(nil); err != nil {
		return rep, Incomplete(PathError("write", ".txcommit/journal.db", err))
	}
	var torn error
	ends := false // the history: a transaction has taken effect that is not in it
	for _, r := range p.records {
		out, err := e.end(p, r)
		if out.Outcome != "" {
			rep.Recovered = append(rep.Recovered, out)
			rep.Displaced = append(rep.Displaced, out.Displaced...)
		}
		switch {
		case err != nil && out.Outcome == "torn":
			torn = errors.Join(torn, err) // said once; the record is gone
		case err != nil:
			return rep, beside(err, torn)
		case out.Outcome == "completed" && !r.Process && !r.Hasty():
			rep.Finished = append(rep.Finished, r.ID)
		case out.Outcome == "completed" && r.Process:
			rep.Unsynced = append(rep.Unsynced, r)
		}
		if out.Outcome == "completed" && r.Keep && !p.rebooted(r) {
			rep.Kept = append(rep.Kept, r)
		}
		ends = ends || out.Outcome == "completed" && r.Spread()
	}
	rep.Kept = p.dropUndone(rep.Kept)
	var err error
	if ends {
		err = e.endHistory(&rep)
	}
	if err == nil {
		err = e.sweep(p, &rep)
	}
	if err == nil {
		err = e.sortHistory(p, &rep)
	}
	if err != nil {
		return rep, beside(err, torn)
	}
	if err := e.MarkClean(); err != nil {
		return rep, beside(PathError("write", viewName, err), torn)
	}
	return rep, torn
}

// dropBallast gives back the space that a dead process has put aside. Should it fail, the next commit does it.
func (e *Env) dropBallast() {
	if i, err := e.State.Stat(BallastFile); err == nil && i.Exists() {
		_ = e.State.Unlink(BallastFile)
	}
}

// end ends one unfinished transaction.
func (e *Env) end(p *Pending, rec *journal.Record) (Outcome, error) {
	out := Outcome{ID: rec.ID.String(), Message: rec.Message}
	switch {
	case rec.State == journal.Abandoned:
		return e.abandonStage(rec, out)
	case p.rebooted(rec):
		return e.verify(rec, p.records, out)
	}
	r, err := openRun(e, rec)
	if isGone(err) {
		// Aborting, and its stage folder gone: undone but for the record.
		out.Outcome = "rolled-back"
		return out, e.DB.Delete(rec)
	}
	if errors.Is(err, journal.ErrJournal) {
		return out, err
	}
	if err != nil {
		return out, Incomplete(err)
	}
	defer r.Close()
	err = r.Resume()
	out.Displaced = r.Displaced()
	var back *RolledBack
	switch {
	case err == nil:
		out.Outcome = "completed"
		// On a full disk even a rename may be refused (btrfs). To do it all again later does no harm where the record may
		// stay; where it was deleted, the stage folder is swept, or moved to history/, later.
		if err := r.Finish(); err != nil && !(r.settled && errors.Is(err, syscall.ENOSPC)) {
			return out, Incomplete(PathError("clean up", ".txcommit/stage", err))
		}
		return out, nil
	case errors.As(err, &back):
		out.Outcome = "rolled-back"
		return out, nil
	}
	return out, err
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
