package txn

import (
	"context"
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// UndoOptions are the settings of Undo.
type UndoOptions struct {
	// Force puts back also what has changed since, and what is kept as it is now where that was changed by another name.
	// What is replaced then is kept as by any other transaction.
	Force bool
	// KeepHistory leaves the history as long as it is, whatever Options.History says: the undo takes the place of the
	// transaction that it undoes, and nothing else is dropped. Without it Options.History goes for the undo as for any
	// commit: with 0 the undo itself cannot be undone, and all that is beyond is dropped.
	KeepHistory bool
}

// Undo takes back what a kept transaction did, by a transaction of its own with the same guarantee. id may be shortened;
// "" is the last one. A path that has changed since is ErrConflict, and so is a source that was moved into the tree, which
// would not come back. What was replaced or removed comes back as the same files: inode, times, owner and attributes are
// those from before; folders are made anew, with their modes, owners and attributes. Folders that the transaction made go
// unless others have put something into them, or the transaction has moved a folder into them. The undo is in the history
// itself, and can be undone in turn; the transaction that it undid leaves the history, and its idempotency key is forgotten.
func (s *Store) Undo(ctx context.Context, id string, opts UndoOptions) (*Result, error) {
	tx, err := s.BeginUndo(ctx, id, opts)
	if err != nil {
		return nil, err
	}
	return tx.Commit(ctx)
}

// BeginUndo starts the transaction of an Undo; Commit, Plan or Rollback follow.
func (s *Store) BeginUndo(ctx context.Context, id string, opts UndoOptions) (*Tx, error) {
	tx, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	err = s.withKept(ctx, false, func(ses *session, kept []*journal.Record) error {
		r, err := findKept(kept, id)
		if err != nil {
			return err
		}
		if r.Consumed && !opts.Force {
			return recovery.Conflict("", "has moved its source into the tree, which an undo does not bring back: "+
				"keep a copy of what it has moved")
		}
		d, err := ses.env.OpenKept(r)
		if err != nil {
			return err
		}
		tx.kept = d
		return tx.undo(r, opts)
	})
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// undo adds the ops that take a kept transaction back.
func (tx *Tx) undo(r *journal.Record, opts UndoOptions) error {
	tx.undoes, tx.undone = r.ID.String(), &journal.Undone{ID: r.ID, Key: r.Key}
	tx.keepHistory = opts.KeepHistory
	tx.message = "undo of " + tx.undoes
	if r.Message != "" {
		tx.message += ": " + r.Message
	}
	taken := map[string]bool{} // paths at which another step has put something
	for i := range r.Steps {
		switch s := &r.Steps[i]; s.Kind {
		case journal.Install:
			taken[r.Path(s)] = true
		case journal.Move:
			taken[r.ToPath(s)] = true
		case journal.Remove, journal.Chmod:
		}
	}
	for i, s := range slices.Backward(r.Steps) {
		if err := tx.add(inverse(r, i, taken[r.Path(&s)], opts), nil); err != nil {
			return err
		}
	}
	return nil
}

// inverse is the op that takes one step back.
func inverse(r *journal.Record, i int, taken bool, opts UndoOptions) given {
	s := &r.Steps[i]
	b := &back{rec: r, step: s, index: uint32(i), force: opts.Force, taken: taken}
	o := given{Op: manifest.Op{Path: r.Path(s)}, back: b}
	switch {
	case s.Kind == journal.Chmod:
		o.Kind, o.Mode = manifest.Chmod, manifest.ModeOf(uint32(s.Was))
	case s.Kind == journal.Move:
		o.Kind, o.Path, o.From, o.To = manifest.Rename, "", r.ToPath(s), r.Path(s)
	case s.Old.Kind == 0:
		o.Kind, o.Recursive = manifest.Remove, true
	default:
		o.Kind = manifest.Write
		b.at = keptName(r, s)
	}
	return o
}

// keptName is where in its folder a kept transaction has what a step took out of the tree.
func keptName(r *journal.Record, s *journal.Step) string {
	name := recovery.OldName(s.Num)
	if s.Kind == journal.Install && s.Flags&journal.Exchange != 0 {
		name = recovery.NewName(s.Num)
	}
	return r.Subs[s.Sub].Name + "/" + name
}

// back is the step of a kept transaction that an op takes back.
type back struct {
	rec   *journal.Record
	step  *journal.Step
	index uint32
	at    string // what comes back, in the folder of the kept transaction
	force bool
	taken bool // another step has put something at the step's path
}

// keptAt opens the folder of a path in the kept transaction's folder. It is the transaction's, and closed with it.
func (tx *Tx) keptAt(at string) (*fsys.Dir, string, error) {
	if tx.kept == nil {
		return nil, "", errors.AssertionFailedf("no transaction is being undone")
	}
	i, err := tx.kept.Self()
	if err == nil && i.Nlink == 0 {
		err = syscall.ENOENT
	}
	if err != nil {
		return nil, "", errors.Wrapf(fs.ErrNotExist, "transaction %s is not in the history any more", tx.undoes)
	}
	return tx.kept, at, nil
}
