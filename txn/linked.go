package txn

import (
	"context"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// A store that was copied with its files linked (cp -al) shares its lock and its journal with the copy: what one of
// them writes, the other would act on. So neither file may have a second name.

// linkedError says that a file of the state folder has a second name.
func linkedError(name string) error {
	return journal.Unreadable(errors.Newf("%s has a second hard link: the store was copied with its files linked", statePath(name)))
}

// openJournal opens the journal, if what is at its name can be one.
func openJournal(state *fsys.Dir, open func(journal.OpenFunc, string) (*journal.DB, error)) (*journal.DB, error) {
	i, err := state.Stat(journalFile)
	switch {
	case err != nil:
		return nil, recovery.PathError("stat", statePath(journalFile), err)
	case i.Kind != fsys.File:
		return nil, notAFile(journalFile, i.Kind)
	case i.Nlink > 1:
		return nil, linkedError(journalFile)
	}
	db, err := open(opener(state), journalFile)
	return db, recovery.PathErrno("open", statePath(journalFile), bareErrno(err))
}

// lockForRebuild takes the store's lock. One that is shared with a copy of the store is replaced by one of its own,
// which is locked before it has its name, and so are the locks of the readers.
func lockForRebuild(ctx context.Context, state *fsys.Dir, w *waiter) (lock *os.File, err error) {
	old, links, _, err := lockNow(ctx, state, w)
	if err != nil || links == 1 {
		return old, err
	}
	defer func() { _ = old.Close() }() // after the new one is locked and has its name
	gate, err := openGate(state)
	if err != nil {
		return nil, err
	}
	defer gate.close()
	if err := gate.take(ctx, state, w, true); err != nil {
		return nil, err
	}
	for _, name := range []string{viewFile, turnstileFile, holderFile, lockFile + ".new"} {
		if err := state.Unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, recovery.PathError("replace", statePath(name), err)
		}
	}
	f, err := state.Create(lockFile+".new", 0o600)
	if err == nil {
		_, err = fsys.TryLock(f, true)
	}
	if err == nil {
		err = state.Rename(lockFile+".new", state, lockFile)
	}
	if err != nil {
		closeFile(f)
		return nil, recovery.PathError("replace", statePath(lockFile), err)
	}
	return f, nil
}

func closeFile(f *os.File) {
	if f != nil {
		_ = f.Close()
	}
}

// keepAside moves what is at a name of the state folder to displaced/ and returns its new path; nothing if nothing is
// there. A file with a second name is copied, so that the one who owns the other name has it for himself again.
func keepAside(state, displaced *fsys.Dir, name string) (string, error) {
	kept := name + "." + time.Now().UTC().Format("20060102T150405.000000000")
	i, err := state.Stat(name)
	switch {
	case err != nil:
	case !i.Exists():
		return "", nil
	case i.Kind == fsys.File && i.Nlink > 1:
		if err = copyAside(state, displaced, name, kept); err == nil {
			err = state.Unlink(name)
		}
	default:
		err = state.RenameNoReplace(name, displaced, kept)
	}
	if err != nil {
		return "", recovery.PathError("keep", statePath(name), bareErrno(err))
	}
	if err := displaced.Sync(); err != nil {
		return "", recovery.PathError("sync", statePath(recovery.DisplacedFolder), err)
	}
	return statePath(recovery.DisplacedFolder + "/" + kept), nil
}

func copyAside(state, displaced *fsys.Dir, old, name string) error {
	from, err := state.Open(old)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := displaced.Create(name, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	if err := fsys.SyncFile(to); err != nil {
		return err
	}
	return displaced.Sync()
}
