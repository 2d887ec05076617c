package txn

import (
	"io/fs"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// Check looks at every page of a store's journal, which takes longer than what each opening looks at. Damage is
// ErrJournal, and a store that somebody holds is ErrBusy. It changes nothing; without a store there is nothing to check.
func Check(root string, opts *Options) error {
	return withStore(root, opts, func(s *Store) error {
		state, err := openState(s.root)
		if err != nil || state == nil {
			return err
		}
		defer state.Close()
		if err := checkParts(state); err != nil {
			return err
		}
		if _, ok, err := isStore(state); err != nil || !ok {
			return err
		}
		lock, err := state.Open(lockFile)
		if err == nil {
			defer lock.Close()
			free, err := fsys.TryLock(lock, false)
			if err == nil && !free {
				err = storeBusy(state)()
			}
			if err != nil {
				return recovery.PathErrno("lock", statePath(lockFile), err)
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return recovery.PathError("open", statePath(lockFile), err)
		}
		db, err := openJournal(state, journal.OpenReadOnly)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return db.Check()
	})
}
