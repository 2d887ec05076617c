package recovery

import (
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/journal"
)

// Resume ends the transaction of a record, forward or back. It is the only code that renames into the tree.
//
//	nil            all is new and durable, and what was swapped out is settled. Finish follows.
//	*RolledBack    all is old again, durably; the record and the stage folder are gone.
//	ErrIncomplete  neither; the journal keeps everything.
//
// With level process nothing is made durable but the journal.
func (r *Run) Resume() error {
	if err := r.env.stamp(dirty); err != nil {
		if r.fresh { // nothing has been done yet
			return r.abort(PathError("write", viewName, err))
		}
		return Incomplete(PathError("write", viewName, err))
	}
	if r.rec.State == journal.Decided {
		err := r.redoAll()
		var no *refused
		switch {
		case errors.As(err, &no):
			return r.abort(no.cause)
		case err != nil:
			return Incomplete(err)
		}
		_ = r.env.stamp(clean) // a stamp that stays dirty costs a reader a look, nothing else
		return r.settle()
	}
	return r.undoAll(errors.New("it was being undone when the process died"))
}

func (r *Run) redoAll() error {
	for i := range r.rec.Steps {
		if err := r.redo(&r.rec.Steps[i]); err != nil {
			return err
		}
	}
	return nil
}

// abort makes durable that the transaction is to be undone, and undoes it.
func (r *Run) abort(cause error) error {
	_ = r.env.State.Unlink(BallastFile) // the disk may be full: this is what the ballast is for
	if err := r.env.DB.SetState(r.rec, journal.Aborting); err != nil {
		return &incomplete{cause, err}
	}
	return r.undoAll(cause)
}

// undoAll takes all steps back in reverse, makes that durable, deletes the record, and only then says so.
func (r *Run) undoAll(cause error) error {
	for _, s := range slices.Backward(r.rec.Steps) {
		if err := r.undo(&s); err != nil {
			return &incomplete{cause, err}
		}
	}
	_ = r.env.stamp(clean)
	if err := r.settle(); err != nil {
		return &incomplete{cause, err}
	}
	if err := r.env.DB.Delete(r.rec); err != nil {
		return &incomplete{cause, err}
	}
	// What is left holds only our own files: should this fail, the next commit sweeps it. Without its record the stage
	// folder can be deleted in place, too, where the disk is so full that not even a rename is possible (btrfs).
	if r.discard() != nil {
		id := r.rec.ID.String()
		_ = r.env.Stage.RemoveAll(id)
		_ = r.env.Stage.Unlink(id + OwnerSuffix)
	}
	return &RolledBack{cause}
}

// settle is barrier 3 and what must follow it before the record may go: what others had in the way is put aside.
func (r *Run) settle() error {
	if !r.rec.Process || r.rec.State != journal.Decided {
		if err := r.barrier(); err != nil {
			return Incomplete(err)
		}
	}
	if err := r.putAside(); err != nil {
		return Incomplete(err)
	}
	return nil
}

// Finish ends a transaction that Resume has completed: it deletes the record where it must go now, and takes the stage
// folder out of stage/, which marks the transaction as finished. Errors leave the change in place and durable.
func (r *Run) Finish() error {
	var err error
	switch {
	case r.rec.Hasty() && !r.rec.Process:
		err = r.env.DB.Delete(r.rec)
	case r.rec.Undoes != nil && r.rec.Undoes.Key != "":
		err = r.env.DB.Forget(r.rec)
	}
	// Also where the record stays: without its stage folder it is finished, and never redone.
	derr := r.discard()
	if err == nil {
		return derr
	}
	// The record is still there: a power cut must not bring its stage folder back.
	if derr == nil {
		_ = r.env.Stage.Sync()
	}
	return err
}

// discard takes the stage folder out of stage/, to history/ if it is kept. What is in trash/ is nobody's any more. The owner file may be gone
// before it: neither name is synced, and a power cut can take the rename back alone.
func (r *Run) discard() error {
	id := r.rec.ID.String()
	to := r.env.Trash
	if r.rec.Keep && r.rec.State == journal.Decided {
		to = r.env.History
	}
	err := r.env.Stage.RenameNoReplace(id, to, id)
	if err == nil {
		err = r.env.Stage.Unlink(id + OwnerSuffix)
		if isGone(err) {
			err = nil
		}
	}
	return PathError("clean up", ".txcommit/"+StageFolder, err)
}

// Displaced lists what was put aside, as paths relative to the root.
func (r *Run) Displaced() []string { return r.displaced }
