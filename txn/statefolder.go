package txn

import (
	"cmp"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// The names in the state folder, beside those of package recovery.
const (
	formatFile    = "format"
	journalFile   = "journal.db"
	lockFile      = "lock"
	viewFile      = "view.lock"
	turnstileFile = "turnstile"
	holderFile    = "holder"
	ignoreFile    = ".gitignore"
)

// formatVersion is the version of the state folder's layout.
const formatVersion = 1

// format is the content of the format file, which comes last when a store is made: a state folder without it is none.
type format struct {
	Version int    `json:"version"`
	Store   string `json:"store"`
}

// openState opens the state folder; nil if there is none.
func openState(root *fsys.Dir) (*fsys.Dir, error) {
	i, err := root.Stat(journal.StateFolder)
	if err != nil {
		return nil, recovery.PathError("stat", journal.StateFolder, err)
	}
	if !i.Exists() {
		return nil, nil
	}
	if err := checkState(root, i); err != nil {
		return nil, err
	}
	d, err := root.Sub(journal.StateFolder)
	if err != nil {
		return nil, recovery.PathError("open", journal.StateFolder, err)
	}
	if self, err := d.Self(); err != nil || self.ID != i.ID { // another one than was looked at
		_ = d.Close()
		return nil, recovery.PathError("open", journal.StateFolder, cmp.Or(err, error(syscall.ESTALE)))
	}
	return d, nil
}

// checkState refuses a state folder that somebody else could have prepared.
func checkState(root *fsys.Dir, i fsys.Info) error {
	switch {
	case i.Kind != fsys.Folder:
		return errors.Newf("%s is %s; it must be a directory that txcommit has made", journal.StateFolder, i.Kind)
	case !trusted(root, i):
		return errors.Wrapf(fs.ErrPermission, "%s belongs to user %d", journal.StateFolder, i.UID)
	case i.Mode&0o022 != 0:
		return errors.Wrapf(fs.ErrPermission, "%s can be written by others (mode %04o); it must be 0700", journal.StateFolder, i.Mode)
	case i.MountRoot:
		return errors.Newf("%s is a mount point; it must be on the file system of the root", journal.StateFolder)
	}
	return nil
}

// trusted says that a state folder belongs to who runs this. Root also works in the stores of users, but only where the
// root is theirs too: anybody who may make names in it could have put a state folder there, with a journal that leads to
// what only root may change.
func trusted(root *fsys.Dir, i fsys.Info) bool {
	uid := uint32(os.Geteuid())
	if i.UID == uid || uid != 0 {
		return i.UID == uid
	}
	self, err := root.Self()
	return err == nil && self.UID == i.UID
}

// makeState makes as much of the state folder as staging needs. The rest is made under the lock.
func makeState(root *fsys.Dir) (*fsys.Dir, error) {
	if i, err := root.Self(); err == nil && i.Immutable {
		// In an append-only one the state folder could be made, but not taken away again.
		if at, err := root.Stat(journal.StateFolder); err == nil && !at.Exists() {
			return nil, errors.Wrap(syscall.EPERM, "the root is immutable or append-only")
		}
	}
	err := root.Mkdir(journal.StateFolder, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, recovery.PathError("mkdir", journal.StateFolder, err)
	}
	d, err := openState(root)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &fs.PathError{Op: "open", Path: journal.StateFolder, Err: fs.ErrNotExist}
	}
	if made {
		err = d.Private()
	} else if err := checkOurs(d); err != nil {
		_ = d.Close()
		return nil, err
	}
	if err == nil {
		err = mkdir(d, recovery.StageFolder)
	}
	if err != nil {
		_ = d.Close()
		return nil, recovery.PathError("mkdir", journal.StateFolder, err)
	}
	return d, nil
}

func mkdir(d *fsys.Dir, name string) error {
	if err := d.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// unmakeState takes a state folder away that never became a store, as far as nobody else uses it.
func unmakeState(root, state *fsys.Dir) {
	if i, err := state.Stat(formatFile); err != nil || i.Exists() {
		return
	}
	if state.Rmdir(recovery.StageFolder) != nil {
		return // somebody is staging
	}
	_ = root.Rmdir(journal.StateFolder) // fails where somebody has gone on from here
}

// isStore says whether the state folder is that of a store, and which.
func isStore(state *fsys.Dir) (format, bool, error) {
	f, err := state.Open(formatFile)
	if errors.Is(err, fs.ErrNotExist) {
		return format{}, false, nil
	}
	if i, serr := state.Stat(formatFile); err != nil && serr == nil && i.Exists() && i.Kind != fsys.File {
		return format{}, false, notAFile(formatFile, i.Kind)
	}
	if err != nil {
		return format{}, false, recovery.PathError("open", statePath(formatFile), err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if errors.Is(err, syscall.EISDIR) {
		return format{}, false, notAFile(formatFile, fsys.Folder)
	}
	if err != nil {
		return format{}, false, recovery.PathError("read", statePath(formatFile), err)
	}
	var v format
	if err := json.Unmarshal(b, &v); err != nil {
		return v, false, journal.Unreadable(errors.Wrap(err, statePath(formatFile)))
	}
	if v.Version != formatVersion {
		return v, false, journal.Unreadable(errors.Newf("the store has format %d, this txcommit reads format %d", v.Version, formatVersion))
	}
	return v, true, nil
}

func statePath(name string) string { return journal.StateFolder + "/" + name }

// completeState makes what is missing of a new store, under the lock. The format file comes last, by a rename; all
// names are made durable by barrier 1 of the first transaction.
func completeState(state *fsys.Dir) error {
	for _, name := range []string{recovery.StageFolder, recovery.TrashFolder, recovery.DisplacedFolder, recovery.HistoryFolder} {
		if err := mkdir(state, name); err != nil {
			return recovery.PathError("mkdir", statePath(name), err)
		}
	}
	if err := writeFile(state, ignoreFile, []byte("*\n")); err != nil {
		return err
	}
	if err := makeJournal(state, nil); err != nil {
		return err
	}
	return writeFormat(state)
}

// writeFormat makes the state folder a store.
func writeFormat(state *fsys.Dir) error {
	b, err := json.Marshal(format{Version: formatVersion, Store: uuid.NewString()})
	if err != nil {
		return err
	}
	return writeFile(state, formatFile, append(b, '\n'))
}

// writeFile makes a small file durable under a temporary name, then gives it its name.
func writeFile(state *fsys.Dir, name string, data []byte) error {
	temp := name + ".new"
	err := state.Unlink(temp)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return recovery.PathError("write", statePath(name), err)
	}
	f, err := state.Create(temp, 0o600)
	if err != nil {
		return recovery.PathError("write", statePath(name), err)
	}
	defer f.Close()
	if _, err = f.Write(data); err == nil {
		err = fsys.SyncFile(f)
	}
	if err == nil {
		err = state.Rename(temp, state, name)
	}
	return recovery.PathError("write", statePath(name), bareErrno(err))
}

// makeJournal makes an empty, pre-grown journal, with the keys of an old one and the history, which are all that it holds. It is made under a
// temporary name and made durable before and after it gets its name: bbolt itself would leave half a file after a
// crash, and does not sync the folder.
func makeJournal(state *fsys.Dir, old *journal.DB) error {
	temp := journalFile + ".new"
	if err := state.Unlink(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return recovery.PathError("write", statePath(journalFile), err)
	}
	f, err := state.Create(temp, 0o600)
	if err != nil {
		return recovery.PathError("create", statePath(journalFile), err)
	}
	defer f.Close()
	err = journal.Format(opener(state), temp)
	if err == nil && old != nil {
		err = copyJournal(state, temp, old)
	}
	if err == nil {
		err = pregrow(f)
	}
	if err == nil {
		err = fsys.SyncFile(f)
	}
	if err == nil {
		err = state.Rename(temp, state, journalFile)
	}
	if err == nil {
		err = state.Sync()
	}
	return recovery.PathError("create", statePath(journalFile), bareErrno(err))
}

func copyJournal(state *fsys.Dir, temp string, old *journal.DB) error {
	fresh, err := journal.Open(opener(state), temp)
	if err != nil {
		return err
	}
	return errors.Join(old.CopyTo(fresh), fresh.Close())
}

// pregrow gives the journal real pages in place of holes. Zeros are written, not only allocated: the first write to an
// allocated page costs the file system a change of metadata, and the sync after it a flush.
func pregrow(f *os.File) error {
	i, err := fsys.StatFile(f)
	if err != nil {
		return err
	}
	b := make([]byte, max(i.Size, journal.PregrownSize))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return err
}

// opener opens the journal's file in the state folder, whatever the folder is called by now.
func opener(state *fsys.Dir) journal.OpenFunc {
	return func(name string, flag int, _ os.FileMode) (*os.File, error) {
		if flag&(os.O_RDWR|os.O_WRONLY) == 0 {
			return state.Open(name)
		}
		return state.OpenOrCreate(name, 0o600)
	}
}
