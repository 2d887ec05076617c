package txn

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// parts are the names in the state folder that must be of one kind, beside the journal and the format file.
var parts = []struct {
	name string
	kind fsys.Kind
}{
	{lockFile, fsys.File},
	{viewFile, fsys.File},
	{turnstileFile, fsys.File},
	{recovery.StageFolder, fsys.Folder},
	{recovery.TrashFolder, fsys.Folder},
	{recovery.DisplacedFolder, fsys.Folder},
	{recovery.HistoryFolder, fsys.Folder},
}

// checkParts refuses a state folder in which somebody has put something else in the place of a part. What is missing is
// no fault.
func checkParts(state *fsys.Dir) error {
	for _, p := range parts {
		i, err := state.Stat(p.name)
		if err != nil {
			return recovery.PathError("stat", statePath(p.name), err)
		}
		if i.Exists() && i.Kind != p.kind {
			return wrongKind(p.name, i.Kind, p.kind)
		}
	}
	return nil
}

// checkOurs refuses a folder that is no store and holds something that this package never makes: it is somebody's own.
func checkOurs(state *fsys.Dir) error {
	if i, err := state.Stat(formatFile); err != nil || i.Exists() {
		return recovery.PathError("stat", statePath(formatFile), err)
	}
	names, err := state.Names()
	if err != nil {
		return recovery.PathError("read", journal.StateFolder, err)
	}
	for _, name := range names {
		known := strings.TrimSuffix(name, ".new")
		ours := slices.Contains([]string{formatFile, journalFile, holderFile, ignoreFile, recovery.BallastFile}, known)
		for _, p := range parts {
			ours = ours || p.name == known
		}
		if !ours {
			return errors.Newf("%s holds %s, which txcommit has not made; move it away", journal.StateFolder, name)
		}
	}
	return nil
}

// checkParts is checkParts for a store of which nothing is open yet.
func (s *Store) checkParts() error {
	state, err := openState(s.root)
	if err != nil || state == nil {
		return err
	}
	defer closeDir(state)
	return checkParts(state)
}

// wrongKind matches ErrJournal, and fs.ErrExist: no rebuild helps, something has to be moved away.
func wrongKind(name string, is, must fsys.Kind) error {
	return journal.Unreadable(&inTheWay{fmt.Sprintf("%s is %s; it must be %s: move it away", statePath(name), is, must)})
}

// notAFile says it of a file that Rebuild replaces.
func notAFile(name string, is fsys.Kind) error {
	return journal.Unreadable(errors.Newf("%s is %s", statePath(name), is))
}

type inTheWay struct{ text string }

func (e *inTheWay) Error() string { return e.text }
func (e *inTheWay) Unwrap() error { return fs.ErrExist }

// explained puts what is wrong with the state folder in the place of an error that it has led to.
func explained(state *fsys.Dir, err error) error {
	if why := checkParts(state); errors.Is(why, ErrJournal) && !errors.Is(err, ErrBusy) {
		return why
	}
	return err
}
