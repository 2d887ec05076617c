package txn

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// sweepUnmade deletes what dead processes have staged in a state folder that has not become a store: its first
// transaction died before its commit point, and what was half made of the store. The state folder itself stays: others
// may be making a store of it.
func (s *Store) sweepUnmade(ctx context.Context, w *waiter) (rep recovery.Report, err error) {
	state, err := openState(s.root)
	if err != nil || state == nil {
		return rep, err
	}
	defer closeDir(state)
	if _, ok, err := isStore(state); err != nil || ok {
		return rep, err
	}
	if err := checkOurs(state); err != nil {
		return rep, err
	}
	env := recovery.Env{Root: s.root, State: state, Thorough: true}
	env.Stage, err = state.Sub(recovery.StageFolder)
	switch {
	case err == nil:
		defer closeDir(env.Stage)
	case !errors.Is(err, fs.ErrNotExist):
		return rep, stageError("open", err)
	case !halfMade(state):
		return rep, nil
	}
	if err := s.enter(ctx, w); err != nil {
		return rep, err
	}
	defer s.leave()
	lock, readOnly, err := lockStore(ctx, state, w)
	if readOnly && errors.Is(err, syscall.EROFS) {
		return rep, nil // nothing that anybody waits for
	}
	if err != nil {
		return rep, err
	}
	defer func() { _ = lock.Close() }()
	if readOnly {
		return rep, nil
	}
	if _, ok, err := isStore(state); err != nil || ok {
		return rep, err // it is one by now, and recovered as such
	}
	if err := checkUnmade(state); err != nil {
		return rep, err
	}
	for _, name := range tempFiles {
		if err := state.Unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return rep, recovery.PathError("clean up", statePath(name), err)
		}
	}
	left := leftOver(emptyTrash(&env))
	if env.Stage != nil {
		rep, err = env.SweepUnmade()
	}
	rep.Left = append(left, rep.Left...)
	return rep, err
}

// emptyTrash deletes what a recovery has thrown away while the format file could be seen, which a power cut then took
// back.
func emptyTrash(env *recovery.Env) (err error) {
	env.Trash, err = env.State.Sub(recovery.TrashFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return recovery.PathError("open", statePath(recovery.TrashFolder), err)
	}
	defer closeDir(env.Trash)
	return env.EmptyTrash()
}

// tempFiles are the names under which the files of a new store are made.
var tempFiles = []string{ignoreFile + ".new", journalFile + ".new", formatFile + ".new"}

// halfMade says that there is something to clean up in a state folder without a stage folder, which a power cut can
// leave behind: names are lost in any order.
func halfMade(state *fsys.Dir) bool {
	for _, name := range tempFiles {
		if i, err := state.Stat(name); err == nil && i.Exists() {
			return true
		}
	}
	return false
}

// checkUnmade makes sure that a state folder without a format file has never been a store: the file comes last, and
// before the first record. A journal that has records all the same is one whose format file was deleted.
func checkUnmade(state *fsys.Dir) error {
	i, err := state.Stat(journalFile)
	if err != nil || !i.Exists() {
		return recovery.PathErrno("stat", statePath(journalFile), err)
	}
	db, err := openJournal(state, journal.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	records, err := db.Records()
	if err == nil && len(records) > 0 {
		err = journal.Unreadable(errors.Newf("%s is missing, but the journal holds a transaction", statePath(formatFile)))
	}
	return err
}
