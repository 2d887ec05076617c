package recovery

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
)

// newOwnerSuffix is that of an owner file before it is locked.
const newOwnerSuffix = ".tmp"

// deadStages lists the names in stage/, folders before their owner files, that belong to no record and no live process.
// Liveness is a lock that the kernel releases, never a pid or a clock.
func (e *Env) deadStages(known map[string]bool) ([]string, error) {
	names, err := e.Stage.Names()
	if err != nil {
		return nil, PathError("read", ".txcommit/stage", err)
	}
	slices.Sort(names)
	alive := map[string]bool{}
	var dead []string
	for _, n := range names {
		id := idOf(strings.TrimSuffix(n, OwnerSuffix))
		if known[id] {
			continue
		}
		if strings.HasSuffix(n, newOwnerSuffix) {
			id = n // an owner file that is being made, or was when its process died
		}
		live, ok := alive[id]
		if !ok {
			if live, err = e.owned(id); err != nil {
				return nil, err
			}
			alive[id] = live
		}
		if !live {
			dead = append(dead, n)
		}
	}
	return dead, nil
}

// owned says whether a live process holds stage/<id>.owner. The owner file is locked before it has this name, the stage
// folder is made after it and goes before it: a stage folder without an owner is dead.
func (e *Env) owned(id string) (bool, error) {
	name := id + OwnerSuffix
	if strings.HasSuffix(id, newOwnerSuffix) {
		name = id
	}
	f, err := e.Stage.Open(name)
	if isGone(err) {
		return false, nil
	}
	if err != nil {
		return false, PathError("open", ".txcommit/stage/"+name, err)
	}
	defer f.Close()
	free, err := fsys.TryLock(f, true)
	return !free, err
}

// sweep deletes what dead processes have staged. It holds only files of ours: nothing is renamed into the tree, and
// nothing of a user's out of it, without a record.
func (e *Env) sweep(p *Pending, rep *Report) error { return e.sweepNames(p.dead, e.throw, rep) }

// sweepNames deletes names in stage/, folders with remove, which says whether that is done. What cannot be deleted as things
// are is told, and no error: it is in nobody's way.
func (e *Env) sweepNames(names []string, remove func(string) (bool, error), rep *Report) error {
	for _, n := range names {
		i, err := e.Stage.Stat(n)
		if err != nil || !i.Exists() {
			continue
		}
		if i.Kind != fsys.Folder {
			err = e.Stage.Unlink(n)
		} else {
			err = e.sweepFolder(n, remove, rep)
		}
		if refusesChange(err) {
			rep.Left, err = append(rep.Left, Left{Path: ".txcommit/stage/" + n, Why: bareErrno(err)}), nil
		}
		if err != nil && !isGone(err) {
			return PathError("clean up", ".txcommit/stage/"+n, err)
		}
	}
	return nil
}

func (e *Env) sweepFolder(name string, remove func(string) (bool, error), rep *Report) error {
	left, err := e.removeOuters(name)
	rep.Left = append(rep.Left, left...)
	if err != nil || len(left) > 0 {
		return err // it stays until they can go
	}
	done, err := remove(name)
	if done {
		rep.Swept++
	}
	return err
}

// SweepUnmade deletes what dead processes have staged where there is no journal yet, and so no record; nor a displaced/, for
// Abandon to move it to.
func (e *Env) SweepUnmade() (rep Report, err error) {
	dead, err := e.deadStages(nil)
	if isGone(err) {
		return rep, nil // another first transaction has failed and taken its half-made store away
	}
	if err != nil {
		return rep, err
	}
	err = e.sweepNames(dead, func(n string) (bool, error) {
		err := e.Stage.RemoveAll(n)
		return err == nil, err
	}, &rep)
	for i := range rep.Left {
		rep.Left[i].ID = ""
	}
	return rep, err
}

// throw moves a name of stage/ that no record speaks of to trash/ and deletes it there, so that no half of it is left in
// stage/. A disk can be so full that it can be deleted, but not renamed (btrfs): then half of it may be left until the
// next sweep. It says whether all is deleted; what the kernel does not delete in trash/ is for whoever empties it.
func (e *Env) throw(name string) (deleted bool, err error) {
	err = e.Stage.Rename(name, e.Trash, name)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = e.Stage.RemoveAll(name)
		return err == nil, err
	}
	if err != nil {
		return false, err
	}
	err = e.Trash.RemoveAll(name)
	if refusesChange(err) {
		return false, nil
	}
	return err == nil, err
}

// EmptyTrash deletes what is in trash/. It needs no lock: what is there is nobody's, and two may do it at once.
func (e *Env) EmptyTrash() error {
	names, err := e.Trash.Names()
	if err != nil {
		return PathError("read", ".txcommit/trash", err)
	}
	folders := false
	for _, n := range names {
		folders = e.lighten(n) || folders
	}
	if folders {
		// A folder that came out of the tree goes name by name. If a power cut took its way into trash/ back and not all of
		// that, recovery would take what is left for a user's change, and keep it.
		if err := e.Trash.Sync(); err != nil && !errors.Is(err, fsys.ErrUnsupported) {
			return PathError("sync", ".txcommit/trash", err)
		}
	}
	return parallel(len(names), func(i int) error {
		return PathError("clean up", ".txcommit/trash", e.Trash.RemoveAll(names[i]))
	})
}

// lighten deletes the files in a stage folder in trash/, those of many subfolders at once: freeing the inodes of what was
// replaced takes as long as all the exchanges. RemoveAll, which follows, does what is left, and meets the same errors. It
// says whether folders may be left that came out of the tree.
func (e *Env) lighten(name string) (folders bool) {
	d, err := e.Trash.Sub(name)
	if err != nil {
		return false // it is no folder, or gone
	}
	defer d.Close()
	top, err := e.Trash.Self()
	if err != nil {
		return true
	}
	self, err := d.Self()
	if err != nil || !self.SameFS(top) {
		return true
	}
	subs, err := d.Names()
	if err != nil {
		return true
	}
	const enough = 8 // subfolders for all processors
	var left atomic.Bool
	_ = parallel(len(subs), func(i int) error {
		if unlinkAll(d, subs[i], len(subs) < enough) {
			left.Store(true)
		}
		return nil
	})
	return left.Load()
}

// unlinkAll deletes the files in the folder name of d, many at once if asked to, and says whether anything is left.
func unlinkAll(d *fsys.Dir, name string, many bool) bool {
	sub, err := d.Sub(name)
	if err != nil {
		return false
	}
	defer sub.Close()
	names, err := sub.Names()
	var left atomic.Bool
	unlink := func(i int) error {
		if err := sub.Unlink(names[i]); err != nil && !isGone(err) {
			left.Store(true)
		}
		return nil
	}
	if many {
		_ = parallel(len(names), unlink)
	} else {
		for i := range names {
			_ = unlink(i)
		}
	}
	return left.Load() || err != nil
}
