package txn

import (
	"context"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// Recover ends every unfinished transaction of a root's store, forward or back, and deletes what dead processes have
// staged. It is safe at any time, any number of times; without a store there is nothing to do and nothing is created.
func Recover(ctx context.Context, root string, opts *Options) (*Report, error) {
	rep := &Report{}
	err := withStore(root, opts, func(s *Store) error {
		if err := s.checkParts(); err != nil {
			return err
		}
		w := newWaiter(s.opts.lockTimeout())
		unmade, err := s.sweepUnmade(ctx, w)
		if err != nil {
			return err
		}
		rep.Swept, rep.Left = unmade.Swept, unmade.Left
		return s.locked(ctx, w, func(ses *session) error {
			ses.env.Thorough = true
			r, err := ses.recover(ctx)
			rep.Recovered, rep.Displaced = r.Recovered, r.Displaced
			rep.Swept, rep.Left = rep.Swept+r.Swept, append(rep.Left, r.Left...)
			rep.Left = append(rep.Left, leftOver(ses.emptyTrash())...) // beside an error, too: that of a torn transaction comes once
			return err
		})
	})
	return rep, err
}

// leftOver tells what stays because of an error of emptyTrash.
func leftOver(err error) []Left {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pe):
		return []Left{{Path: pe.Path, Why: pe.Err}}
	}
	return []Left{{Path: statePath(recovery.TrashFolder), Why: err}}
}

// withStore runs f with a store that was not recovered.
func withStore(root string, opts *Options, f func(*Store) error) error {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	d, err := fsys.OpenDir(root)
	if err != nil {
		return recovery.PathErrno("open", root, err)
	}
	defer d.Close()
	s := &Store{opts: o, path: root, root: d, queue: make(chan struct{}, 1)}
	if err := checkVolume(s.root, s.path, &s.opts); err != nil {
		return err
	}
	return f(s)
}

// Abandon gives an unfinished transaction up. The tree stays as it is, old, new or in between; what is left of the
// transaction's files moves to .txcommit/displaced, so that nothing is lost. So does what a dead process has left, which is for
// what Report.Left says of a disk that never comes back.
func Abandon(ctx context.Context, root, id string, opts *Options) (*Report, error) {
	rep := &Report{}
	err := withStore(root, opts, func(s *Store) error {
		found := false
		err := s.locked(ctx, newWaiter(s.opts.lockTimeout()), func(ses *session) error {
			found = true
			if ses.readOnly {
				return recovery.PathError("write", journal.StateFolder, syscall.EROFS)
			}
			if err := ses.lockView(ctx); err != nil {
				return err
			}
			out, err := ses.env.Abandon(id)
			if err != nil {
				return err
			}
			rep.Recovered, rep.Displaced = []Recovery{out}, out.Displaced
			return nil
		})
		if err == nil && !found {
			err = missing{errors.Newf("transaction %s: there is no store", id)}
		}
		return err
	})
	return rep, err
}

// Status tells how a store is. It works while a commit runs, and never changes anything.
func Status(_ context.Context, root string, opts *Options) (*State, error) {
	st := &State{State: "clean"}
	err := withStore(root, opts, func(s *Store) error {
		state, err := openState(s.root)
		if err != nil || state == nil {
			return err
		}
		defer state.Close()
		if err := checkParts(state); err != nil {
			return err
		}
		if _, _, err := isStore(state); err != nil {
			return err
		}
		if err := checkOurs(state); err != nil {
			return err
		}
		return s.status(state, st)
	})
	return st, err
}

func (s *Store) status(state *fsys.Dir, st *State) error {
	lock, err := state.Open(lockFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return recovery.PathError("open", statePath(lockFile), err)
	}
	if err == nil {
		defer lock.Close()
		if i, err := fsys.StatFile(lock); err == nil && i.Nlink > 1 {
			return linkedError(lockFile)
		}
		free, err := fsys.TryLock(lock, false)
		if err != nil {
			return recovery.PathErrno("lock", statePath(lockFile), err)
		}
		if !free {
			st.State, st.Holder = "busy", readHolder(state)
			f, _, err := isStore(state)
			st.Store = f.Store
			return err
		}
	}
	f, ok, err := isStore(state)
	if err != nil {
		return err
	}
	if !ok {
		return checkUnmade(state)
	}
	st.Store = f.Store
	return s.pending(state, st)
}

// pending tells what recovery will do. Nobody holds the store.
func (s *Store) pending(state *fsys.Dir, st *State) (err error) {
	env := recovery.Env{Root: s.root, State: state}
	if env.Stage, err = state.Sub(recovery.StageFolder); errors.Is(err, fs.ErrNotExist) {
		return journal.Unreadable(stageError("open", err))
	}
	if err != nil {
		return stageError("open", err)
	}
	defer env.Stage.Close()
	if env.History, err = state.Sub(recovery.HistoryFolder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return recovery.PathError("open", statePath(recovery.HistoryFolder), err)
	}
	defer closeDir(env.History)
	if env.DB, err = openJournal(state, journal.OpenReadOnly); err != nil {
		return err
	}
	defer func() { _ = env.DB.Close() }()
	p, err := env.Look()
	if err != nil {
		return err
	}
	for _, r := range p.Kept() {
		st.Undoable++
		st.KeptBytes += r.KeptBytes
	}
	st.Pending, st.Leftovers = p.Outcomes(), p.Leftovers()
	if len(st.Pending) > 0 || st.Leftovers > 0 {
		st.State = "pending"
	}
	st.Displaced, err = displaced(state)
	return err
}

func displaced(state *fsys.Dir) ([]string, error) {
	d, err := state.Sub(recovery.DisplacedFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // deleted by somebody; it is made again when it is needed
	}
	if err != nil {
		return nil, recovery.PathError("open", statePath(recovery.DisplacedFolder), err)
	}
	defer d.Close()
	names, err := d.Names()
	for i := range names {
		names[i] = strings.Join([]string{journal.StateFolder, recovery.DisplacedFolder, names[i]}, "/")
	}
	return names, recovery.PathErrno("read", statePath(recovery.DisplacedFolder), err)
}
