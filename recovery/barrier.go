package recovery

import (
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// strangersLimit is how much dirty data of others one syncfs may flush on our account: with 1 GiB of it, a barrier of
// 100 files took 293 ms instead of 5 (ext4).
const strangersLimit = 64 << 20

// strangersPerSync is how much more of it costs no more than one sync that it saves: a sync of its own costs a file
// 86 µs (ext4, 32 at once), a MiB of strangers 280 µs.
const strangersPerSync = 256 << 10

// UseSyncFS says whether a barrier on the file system of d should be one syncfs: it must be one where syncfs keeps its
// word, and unless fsync of each file is worse, others must have little dirty data. own is how much is ours, syncs how
// many files and folders would have to be synced one by one.
func UseSyncFS(d *fsys.Dir, own int64, syncs int) (bool, error) {
	v, err := d.Volume()
	if err != nil || !v.SyncFS {
		return false, err
	}
	return !v.FsyncEach || fsys.DirtyBytes() <= own+strangersLimit+int64(syncs)*strangersPerSync, nil
}

// barrier is barrier 3: it makes every folder durable in which a step has changed a name, on both sides of each
// rename, and the modes that were changed.
func barrier(runs []*Run) error {
	syncs := 0
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return !r.barred() })
	for _, r := range runs {
		syncs += len(r.rec.Parents) + len(r.rec.Subs)
	}
	if len(runs) == 0 {
		return nil
	}
	whole, err := UseSyncFS(runs[0].env.Root, 0, syncs)
	for _, r := range runs {
		for i := range r.outers {
			if whole && err == nil {
				whole, err = UseSyncFS(r.outers[i].dir, 0, syncs)
			}
		}
	}
	if err != nil {
		return err
	}
	if whole {
		// Through handles that were opened before the first step: they tell every error since then, and nobody else's.
		if err := runs[0].stage.SyncFS(); err != nil {
			return PathError("sync", ".", err)
		}
		return syncOuters(runs)
	}
	for _, r := range runs {
		if err := r.syncAll(); err != nil {
			return err
		}
	}
	return nil
}

// syncAll is barrier 3 folder by folder.
func (r *Run) syncAll() error {
	if err := r.syncParents(); err != nil {
		return err
	}
	if err := r.syncSubs(); err != nil {
		return err
	}
	return r.syncModes()
}

func (r *Run) syncParents() error {
	for i := range r.rec.Parents {
		path := r.rec.Parents[i].Path
		d, err := r.parent(uint32(i))
		if wentAway(err) {
			// Every step of it is done, or it would have been missed before. Wherever it is now, this syncs it.
			if err := r.env.Stage.SyncFS(); err != nil && !errors.Is(err, fsys.ErrUnsupported) {
				return PathError("sync", path, err)
			}
			if err := syncOuters([]*Run{r}); err != nil && !errors.Is(err, fsys.ErrUnsupported) {
				return err
			}
			continue
		}
		if err != nil {
			return PathError("open", path, err)
		}
		if err := d.Sync(); err != nil && !errors.Is(err, fsys.ErrUnsupported) {
			return PathError("sync", path, err)
		}
	}
	return nil
}

func (r *Run) syncSubs() error {
	for i := range r.rec.Subs {
		d, err := r.sub(uint32(i))
		if err != nil || d == nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := d.Sync(); err != nil && !errors.Is(err, fsys.ErrUnsupported) {
			return PathError("sync", ".txcommit/stage", err)
		}
	}
	return nil
}

// syncModes makes changed modes durable; they are in the inode, not in its folder.
func (r *Run) syncModes() error {
	for i := range r.rec.Steps {
		s := &r.rec.Steps[i]
		if s.Kind != journal.Chmod {
			continue
		}
		d, err := r.parent(s.Parent)
		if wentAway(err) {
			continue
		}
		if err != nil {
			return PathError("open", r.rec.Path(s), err)
		}
		t, err := d.Stat(s.Name)
		if err != nil {
			return PathError("stat", r.rec.Path(s), err)
		}
		if !same(t, s.Old) {
			continue // somebody's by now
		}
		f, err := d.Open(s.Name)
		if err != nil {
			// A file that may not be read can still be synced with its whole file system.
			return PathError("sync", r.rec.Path(s), d.SyncFS())
		}
		err = fsys.SyncFile(f)
		_ = f.Close()
		if err != nil {
			return PathError("sync", r.rec.Path(s), err)
		}
	}
	return nil
}

// wentAway says that a target folder is not where the record says any more, so that there is nothing to be done there.
func wentAway(err error) bool { return errors.Is(err, errMoved) || isGone(err) }
