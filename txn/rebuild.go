package txn

import (
	"context"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// Rebuild replaces a journal that cannot be read by a new one. The broken one, and all that the stage folder holds of
// transactions that are not running, move to .txcommit/displaced. A journal that can be read is recovered and left
// alone; see Report.Intact.
func Rebuild(ctx context.Context, root string, opts *Options) (*Report, error) {
	rep := &Report{}
	err := withStore(root, opts, func(s *Store) error {
		state, err := openState(s.root)
		if err != nil || state == nil {
			return err
		}
		defer state.Close()
		if err := checkParts(state); err != nil {
			return err // the journal is not at fault: it may hold a transaction that has to be ended
		}
		wait := newWaiter(s.opts.lockTimeout())
		ses, err := openSession(ctx, s.root, state, wait, false)
		switch {
		case err == nil:
			defer ses.close()
			r, err := ses.recover(ctx)
			if !errors.Is(err, ErrJournal) {
				rep.Recovered, rep.Swept, rep.Displaced, rep.Left, rep.Intact = r.Recovered, r.Swept, r.Displaced, r.Left, true
				return err
			}
			ses.close()
		case errors.Is(err, errNoStore) && !errors.Is(checkUnmade(state), ErrJournal):
			return nil
		case errors.Is(err, errNoStore):
		case !errors.Is(err, ErrJournal):
			return err
		}
		return s.rebuild(ctx, state, wait, rep)
	})
	return rep, err
}

func (s *Store) rebuild(ctx context.Context, state *fsys.Dir, w *waiter, rep *Report) error {
	lock, err := lockForRebuild(ctx, state, w)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer clearHolder(writeHolder(state))
	for _, name := range []string{recovery.StageFolder, recovery.TrashFolder, recovery.DisplacedFolder, recovery.HistoryFolder} {
		if err := mkdir(state, name); err != nil {
			return recovery.PathError("mkdir", statePath(name), err)
		}
	}
	env := recovery.Env{Root: s.root, State: state}
	if env.Stage, err = state.Sub(recovery.StageFolder); err != nil {
		return stageError("open", err)
	}
	defer env.Stage.Close()
	if env.Displaced, err = state.Sub(recovery.DisplacedFolder); err != nil {
		return recovery.PathError("open", statePath(recovery.DisplacedFolder), err)
	}
	defer env.Displaced.Close()
	if rep.Displaced, err = env.KeepDead(); err != nil {
		return err
	}
	rep.Unended = len(rep.Displaced) > 0
	if env.History, err = state.Sub(recovery.HistoryFolder); err != nil {
		return recovery.PathError("open", statePath(recovery.HistoryFolder), err)
	}
	defer env.History.Close()
	kept, err := env.KeepHistory()
	rep.Displaced = append(rep.Displaced, kept...)
	if err != nil {
		return err
	}
	if err := renew(&env, rep); err != nil {
		return err
	}
	rep.Rebuilt = true
	return nil
}

// renew sets the journal aside, and a format file that cannot be read, and makes them anew.
func renew(env *recovery.Env, rep *Report) error {
	state := env.State
	aside := []string{journalFile}
	_, stored, err := isStore(state)
	if err != nil {
		aside = append(aside, formatFile)
	}
	for _, name := range aside {
		kept, err := keepAside(state, env.Displaced, name)
		if err != nil {
			return err
		}
		if kept != "" {
			rep.Displaced = append(rep.Displaced, kept)
		}
	}
	// The new journal counts its puts anew: an old stamp would make it look like an older one that was put back.
	if err := forgetStamp(state); err != nil {
		return err
	}
	if err := makeJournal(state, nil); err != nil || stored {
		return err
	}
	return writeFormat(state)
}

// forgetStamp empties the view lock: without a stamp the store counts as dirty.
func forgetStamp(state *fsys.Dir) error {
	f, _, err := openLock(state, viewFile)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(0); err != nil {
		return recovery.PathErrno("truncate", statePath(viewFile), err)
	}
	return recovery.PathErrno("sync", statePath(viewFile), fsys.SyncFile(f)) // before the new journal has its name
}
