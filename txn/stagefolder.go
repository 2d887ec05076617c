package txn

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// StageFolder is a folder on the root's file system, but not in the tree, that a program fills for Tx.Publish. It lives
// in .txcommit/stage as long as somebody holds its claim, and is swept by a later commit or recovery when nobody does:
// whatever happens to this process, nothing of it stays for long. Close must follow.
type StageFolder struct {
	root   *fsys.Dir
	stage  *stage
	store  *Store // nil: it is for nobody's Publish
	target string // the path that it shall be published as
	name   string
	dir    string
}

// StageFor makes a stage folder for what shall be published as path, with the mode that the folder has there now. A path
// that cannot be made a folder is an error already now, as far as that can be told without the content.
func (s *Store) StageFor(ctx context.Context, path string) (*StageFolder, error) {
	if s.opts.ReadOnly {
		return nil, errors.Wrap(fs.ErrPermission, "the store was opened read-only")
	}
	clean, err := manifest.CleanPath(path, true)
	if err != nil {
		return nil, &Error{Path: path, Err: invalid{err}}
	}
	f, err := makeStageFolder(s.path, baseName(clean))
	if err != nil {
		return nil, err
	}
	f.store, f.target = s, clean
	err = f.likeTarget()
	if err == nil {
		err = f.check(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// baseName is what a stage folder is called: many a tool uses the name of the folder that it writes to.
func baseName(p string) string {
	if p == "." {
		return "root"
	}
	return path.Base(p)
}

// ProbeFolder makes a stage folder for trials of what the root's file system can do.
func ProbeFolder(root string) (*StageFolder, error) { return makeStageFolder(root, "probe") }

func makeStageFolder(root, name string) (_ *StageFolder, err error) {
	full, err := filepath.Abs(root)
	if err != nil {
		return nil, recovery.PathErrno("open", root, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	f := &StageFolder{name: name}
	if f.root, err = fsys.OpenDir(root); err != nil {
		return nil, recovery.PathErrno("open", root, err)
	}
	if f.stage, err = newStageIn(f.root, id.String()); err != nil {
		_ = f.root.Close()
		return nil, err
	}
	f.dir = filepath.Join(full, journal.StateFolder, recovery.StageFolder, f.stage.id, name)
	if err = f.stage.dir.Mkdir(name, 0o777); err != nil {
		return nil, errors.Join(recovery.PathErrno("mkdir", f.dir, err), f.Close())
	}
	return f, nil
}

// newStageIn makes a stage folder, and the state folder if need be.
func newStageIn(root *fsys.Dir, id string) (s *stage, err error) {
	for range 100 { // as in Tx.openStage
		var state *fsys.Dir
		if state, err = makeState(root); err == nil {
			if s, err = newStage(state, id); err == nil {
				return s, nil
			}
			unmakeState(root, state)
			_ = state.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, err
}

// likeTarget gives the stage folder the mode of the folder that it is to replace, and its group if that is handed down.
func (f *StageFolder) likeTarget() error {
	target, err := f.store.files.Open(f.target)
	if err != nil {
		return nil // a new one; what else may be wrong is told by check
	}
	defer target.Close()
	i, err := fsys.StatFile(target)
	if err != nil || i.Kind != fsys.Folder {
		return nil
	}
	d, err := f.stage.dir.Sub(f.name)
	if err != nil {
		return stageError("open", err)
	}
	defer d.Close()
	if i.Mode&0o2000 != 0 {
		if err := fsys.ChownFile(d.Handle(), uint32(os.Geteuid()), i.GID); err != nil {
			return stageError("chown", err)
		}
	}
	return recovery.PathErrno("chmod", f.dir, fsys.ChmodFile(d.Handle(), i.Mode))
}

// check plans the publication of the empty folder.
func (f *StageFolder) check(ctx context.Context) error {
	tx, err := f.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	tx.progress.tell = nil               // nobody has asked for a commit or a plan yet
	if err := tx.Publish(f.target, f); err != nil {
		return err
	}
	_, err = tx.Plan(ctx)
	return err
}

// Dir returns the absolute path of the folder.
func (f *StageFolder) Dir() string { return f.dir }

// Claim returns the open file that keeps the folder from being swept: an flock. A child that inherits it keeps the folder
// until it ends, also when this process dies before.
func (f *StageFolder) Claim() *os.File { return f.stage.owner }

// Empty says that there is nothing in the folder, or not even the folder itself any more.
func (f *StageFolder) Empty() (bool, error) {
	d, err := f.stage.dir.Sub(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, recovery.PathErrno("open", f.dir, err)
	}
	defer d.Close()
	names, err := d.Names()
	return len(names) == 0, recovery.PathErrno("read", f.dir, err)
}

// Close removes the folder with all that is left in it.
func (f *StageFolder) Close() error {
	err := f.stage.discard()
	f.stage.close()
	unmakeState(f.root, f.stage.state)
	return errors.Join(err, f.stage.state.Close(), f.root.Close())
}

// Publish makes path equal to what is in a stage folder, as SyncTree with Prune and Move does: what is equal already is
// not touched, what is new is linked and not copied, and everything else at path goes. After it, nobody may write to the
// files in the stage folder any more: they are those in the tree.
func (tx *Tx) Publish(path string, from *StageFolder) error {
	return tx.add(given{
		Op:      manifest.Op{Kind: manifest.Tree, Path: path, Source: from.dir, Prune: true, Move: true},
		scratch: true,
	}, nil)
}
