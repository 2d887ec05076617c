package recovery

import (
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// Resume ends the transaction of a record, forward or back. It is the only code that renames into the tree.
//
//	nil            all is new and durable, and what was swapped out is settled. Finish follows.
//	*RolledBack    all is old again, durably; the record and the stage folder are gone.
//	ErrIncomplete  neither; the journal keeps everything.
//
// With level process nothing is made durable but the journal.
func (r *Run) Resume() error { return ResumeAll([]*Run{r})[0] }

// ResumeAll is Resume for records that do not clash: each ends by itself, and barrier 3 is one for all.
func ResumeAll(runs []*Run) []error {
	errs := make([]error, len(runs))
	if err := runs[0].env.stampSerial(dirty); err != nil {
		for i, r := range runs {
			errs[i] = r.notBegun(PathError("write", viewName, err))
		}
		return errs
	}
	var whole []*Run // not half-way in the tree
	for i, r := range runs {
		if errs[i] = r.steps(); !errors.Is(errs[i], ErrIncomplete) {
			whole = append(whole, r)
		}
	}
	// In a recovery there may be more records, and their halves in the tree: it has the last word itself. A stamp that stays
	// dirty costs a reader a look, nothing else.
	if runs[0].fresh && len(whole) == len(runs) {
		_ = runs[0].env.stamp(clean)
	}
	err := barrier(whole)
	for i, r := range runs {
		errs[i] = r.settle(errs[i], err)
	}
	return errs
}

// notBegun ends a run whose first step could not even be tried.
func (r *Run) notBegun(err error) error {
	if !r.fresh {
		return Incomplete(err)
	}
	if err = r.abort(err); errors.Is(err, ErrIncomplete) {
		return err
	}
	return r.settle(err, barrier([]*Run{r}))
}

// steps does the steps, or takes them back: that is *RolledBack, which is not durable yet.
func (r *Run) steps() error {
	if r.rec.State != journal.Decided {
		return r.undoAll(errors.New("it was being undone when the process died"))
	}
	err := r.redoAll()
	if r.fresh && r.stageGone() {
		return Incomplete(errors.Join(errStageGone, err))
	}
	var no *refused
	switch {
	case errors.As(err, &no):
		return r.abort(no.cause)
	case err != nil:
		return Incomplete(err)
	}
	return nil
}

// errStageGone is about a commit that can neither be completed nor taken back.
var errStageGone = errors.New("the stage folder was deleted by another program while files were being changed")

// stageGone says that the stage folder, or an outer folder, is not at its name any more. What is in it cannot be told from what is done then,
// and what was replaced is lost.
func (r *Run) stageGone() bool {
	i, err := r.env.Stage.Stat(r.rec.ID.String())
	gone := err == nil && inode(i) != r.rec.Stage
	for _, o := range r.outers {
		i, err := o.host.Stat(o.name)
		gone = gone || err == nil && inode(i) != r.rec.Subs[o.sub].Inode
	}
	return gone
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
	if errors.Is(cause, syscall.ENOSPC) {
		_ = r.env.State.SyncFS() // btrfs gives it back only then
	}
	if err := r.env.DB.SetState(r.rec, journal.Aborting); err != nil {
		return &incomplete{cause, err}
	}
	return r.undoAll(cause)
}

// undoAll takes all steps back in reverse.
func (r *Run) undoAll(cause error) error {
	for _, s := range slices.Backward(r.rec.Steps) {
		if err := r.undo(&s); err != nil {
			return &incomplete{cause, err}
		}
	}
	return &RolledBack{cause}
}

// settle does what must come after barrier 3 before a record may go: what others had in the way is put aside. The record
// of what was taken back is deleted, and only then is that told. done is what the steps have said, durable what the
// barrier has.
func (r *Run) settle(done, durable error) error {
	var back *RolledBack
	undone := errors.As(done, &back)
	if done != nil && !undone {
		return done
	}
	err := durable
	if err == nil || !r.barred() {
		err = r.putAside()
	}
	switch {
	case err != nil && undone:
		return &incomplete{back.Cause, err}
	case err != nil:
		return Incomplete(err)
	case !undone:
		return nil
	}
	if err := r.env.DB.Delete(r.rec); err != nil {
		return &incomplete{back.Cause, err}
	}
	// What is left holds only our own files: should this fail, the next commit sweeps it. Without its record the stage
	// folder can be deleted in place, too, where the disk is so full that not even a rename is possible (btrfs).
	if r.discard() != nil && r.outers == nil {
		id := r.rec.ID.String()
		_ = r.env.Stage.RemoveAll(id)
		_ = r.env.Stage.Unlink(id + OwnerSuffix)
	}
	return done
}

// barred says that barrier 3 has a say: at level process it has for what was taken back.
func (r *Run) barred() bool { return !r.rec.Process || r.rec.State != journal.Decided }

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
	r.settled = err == nil
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
	name, to := id, r.env.Trash
	if r.rec.Keep && r.rec.State == journal.Decided {
		to = r.env.History
	}
	if len(r.outers) > 0 {
		var err error
		if name, err = r.endOuters(); err != nil {
			return err
		}
	}
	err := r.renameStage(name, to)
	if err == nil {
		err = r.env.Stage.Unlink(id + OwnerSuffix)
		if isGone(err) {
			err = nil
		}
	}
	return PathError("clean up", ".txcommit/"+StageFolder, err)
}

// renameStage takes the stage folder, called name by now, to another folder of the state folder.
func (r *Run) renameStage(name string, to *fsys.Dir) error {
	err := r.env.Stage.RenameNoReplace(name, to, name)
	if errors.Is(err, syscall.ENOSPC) { // btrfs gives back what was deleted only now
		_ = r.env.State.Unlink(BallastFile)
		_ = r.env.State.SyncFS()
		err = r.env.Stage.RenameNoReplace(name, to, name)
	}
	return err
}

// Displaced lists what was put aside, as paths relative to the root.
func (r *Run) Displaced() []string { return r.displaced }
