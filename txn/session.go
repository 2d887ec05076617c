package txn

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// session is a store whose lock is held, with its journal open: what commit and recovery work in.
type session struct {
	env    recovery.Env
	gate   *gate
	wait   *waiter
	lock   *os.File
	holder *os.File // the note about who holds it
	viewed bool     // the view lock is held
	rooted *fsys.Dir
	made   bool // this session has made the store
	// readOnly says that the mount is: the locks are held all the same, but nothing can be changed.
	readOnly bool
	shut     bool
	// By recover:
	swept int
	left  []Left
}

// openSession locks the store whose state folder is given and opens its journal. With create, what is missing of a new
// store is made.
func openSession(ctx context.Context, root, state *fsys.Dir, w *waiter, create bool) (*session, error) {
	lock, readOnly, err := lockStore(ctx, state, w)
	if err != nil {
		return nil, explained(state, err)
	}
	s := &session{env: recovery.Env{Root: root, State: state}, lock: lock, wait: w, readOnly: readOnly}
	s.holder = writeHolder(state)
	if err := s.open(create); err != nil {
		s.close()
		return nil, explained(state, err)
	}
	return s, nil
}

func (s *session) open(create bool) error {
	if err := stillThere(s.env.Root, s.env.State); err != nil {
		return err
	}
	_, ok, err := isStore(s.env.State)
	switch {
	case err != nil:
		return err
	case !ok && create:
		s.made = true // complete follows, when it is known that there is something to commit
		return nil
	case !ok:
		return errNoStore
	}
	return s.openParts()
}

// errNoStore says that a state folder is none, or only half made.
var errNoStore = errors.New("there is no store")

// complete makes what is missing of a new store.
func (s *session) complete(ctx context.Context) error {
	if !s.made {
		return nil
	}
	if err := s.lockRoot(ctx); err != nil {
		return err
	}
	if err := checkUnmade(s.env.State); err != nil {
		return err
	}
	if err := completeState(s.env.State); err != nil {
		return err
	}
	return s.openParts()
}

func (s *session) openParts() (err error) {
	for _, part := range []struct {
		name string
		dir  **fsys.Dir
	}{
		{recovery.StageFolder, &s.env.Stage},
		{recovery.TrashFolder, &s.env.Trash},
		{recovery.DisplacedFolder, &s.env.Displaced},
		{recovery.HistoryFolder, &s.env.History},
	} {
		if *part.dir, err = s.openPart(part.name); err != nil {
			return err
		}
	}
	if s.gate, err = openGate(s.env.State); err != nil {
		return err
	}
	s.env.View = s.gate.view
	s.readOnly = s.readOnly || s.gate.readOnly
	return s.openJournal()
}

// emptyTrash deletes what is in trash/, where that is possible.
func (s *session) emptyTrash() error {
	if s.readOnly {
		return nil
	}
	return s.env.EmptyTrash()
}

// openPart opens a folder of the state folder. One that somebody has deleted is made again, but for the stage folder:
// without it unfinished transactions would look finished.
func (s *session) openPart(name string) (*fsys.Dir, error) {
	d, err := s.env.State.Sub(name)
	if errors.Is(err, fs.ErrNotExist) && name != recovery.StageFolder {
		if err = mkdir(s.env.State, name); err == nil {
			d, err = s.env.State.Sub(name)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, journal.Unreadable(recovery.PathError("open", statePath(name), err))
	}
	return d, recovery.PathErrno("open", statePath(name), err)
}

// unmake takes a store away that was never completed. The lock is held.
func (s *session) unmake() {
	if !s.made || s.env.DB != nil {
		return
	}
	if i, err := s.env.State.Stat(formatFile); err != nil || i.Exists() {
		return
	}
	for _, name := range []string{holderFile, viewFile, turnstileFile, ignoreFile, journalFile, journalFile + ".new", formatFile + ".new", ignoreFile + ".new"} {
		_ = s.env.State.Unlink(name)
	}
	for _, name := range []string{recovery.TrashFolder, recovery.DisplacedFolder, recovery.HistoryFolder} {
		_ = s.env.State.Rmdir(name)
	}
	_ = s.env.State.Unlink(lockFile) // from now on others can lock a new one: what they make must not be taken away
	unmakeState(s.env.Root, s.env.State)
}

// lockRoot keeps the readers out that came before there was a store: they have locked the root itself.
func (s *session) lockRoot(ctx context.Context) error {
	d, err := s.env.Root.Sub(".")
	if err != nil {
		return recovery.PathError("open", ".", err)
	}
	s.rooted = d
	return s.wait.lock(ctx, d.Handle(), true, viewBusy, anybody)
}

// stillThere makes sure that the state folder was not deleted or replaced while we waited.
func stillThere(root, state *fsys.Dir) error {
	at, err := root.Stat(journal.StateFolder)
	if err != nil {
		return recovery.PathError("stat", journal.StateFolder, err)
	}
	self, err := state.Self()
	if err == nil && at.ID != self.ID {
		err = errStateGone
	}
	return err
}

var errStateGone = errors.Wrapf(fs.ErrNotExist, "%s was deleted or replaced by another program", journal.StateFolder)

func (s *session) openJournal() (err error) {
	open := journal.Open
	if s.readOnly {
		open = journal.OpenReadOnly
	}
	s.env.DB, err = openJournal(s.env.State, open)
	return err
}

// recover ends what was left unfinished. It takes the view lock if a record has to be resumed, and keeps it. On a
// read-only mount it makes sure that nothing is unfinished; leftovers stay for somebody who can write.
func (s *session) recover(ctx context.Context) (recovery.Report, error) {
	p, err := s.env.Look()
	if err == nil && s.readOnly && p.Unfinished() {
		err = recovery.Incomplete(errors.Wrapf(syscall.EROFS, "transaction %s has to be recovered, for which the "+
			"file system must be mounted for writing", p.Outcomes()[0].ID))
	}
	if err != nil {
		return recovery.Report{}, err
	}
	if s.readOnly {
		return recovery.Report{Kept: p.Kept(), Left: p.Leave(syscall.EROFS)}, nil
	}
	if p.Unfinished() {
		if err := s.lockView(ctx); err != nil {
			return recovery.Report{}, err
		}
	}
	rep, err := s.env.Recover(p)
	s.swept, s.left = rep.Swept, rep.Left
	return rep, err
}

// lockView waits until no reader has a view, and keeps new ones out.
func (s *session) lockView(ctx context.Context) error {
	if s.viewed {
		return nil
	}
	if err := s.gate.take(ctx, s.env.State, s.wait, true); err != nil {
		return err
	}
	s.viewed = true
	return nil
}

// grown is the size from which a journal that a huge transaction has grown, and that is empty for the most part by now, is
// replaced by a fresh one.
const grown = 512 << 10

// shrink replaces a grown journal by a fresh one, once its records may go.
func (s *session) shrink(done ...*journal.Record) error {
	size, free, err := s.env.DB.Size()
	if err != nil || size <= grown || free <= size/2 {
		return err
	}
	if err := s.env.DB.Delete(done...); err != nil {
		return err
	}
	all, err := s.env.DB.Records()
	if err != nil || slices.ContainsFunc(all, func(r *journal.Record) bool { return r.State != journal.Kept }) {
		return err
	}
	return makeJournal(s.env.State, s.env.DB)
}

// unlock ends the session: the journal is closed before the locks are released. What is in trash/ is deleted after.
func (s *session) unlock() {
	if s.shut {
		return
	}
	s.shut = true
	if s.env.DB != nil {
		_ = s.env.DB.Close()
	}
	if s.gate != nil {
		s.gate.close()
	}
	if s.rooted != nil {
		_ = s.rooted.Close()
	}
	clearHolder(s.holder)
	_ = s.lock.Close()
}

// takeTrash hands over the handle of trash/, which the caller closes.
func (s *session) takeTrash() *fsys.Dir {
	d := s.env.Trash
	s.env.Trash = nil
	return d
}

// close unlocks and releases the folders. The root and the state folder are the caller's.
func (s *session) close() {
	s.unlock()
	for _, d := range []*fsys.Dir{s.env.Stage, s.env.Trash, s.env.Displaced, s.env.History} {
		if d != nil {
			_ = d.Close()
		}
	}
}
