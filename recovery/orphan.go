package recovery

import (
	"slices"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
)

// findOrphans takes the stage folders out of p.dead that are not a dead process's staging but an unfinished transaction
// whose record is gone, because somebody has put an older journal back. Two things tell: the view's stamp says that steps
// were being done in this life of the page cache, and the folder holds what is older than itself. After a reboot the stamp
// says nothing, and a transaction that had ended looks the same.
func (e *Env) findOrphans(p *Pending) error {
	if len(p.dead) == 0 || !e.interrupted() {
		return nil
	}
	for _, n := range p.dead {
		i, err := e.Stage.Stat(n)
		if err != nil {
			return PathError("stat", ".txcommit/stage/"+n, err)
		}
		if i.Kind != fsys.Folder || i.ID.Born == 0 {
			continue
		}
		older, err := e.holdsOlder(n, i)
		if err != nil {
			return PathError("read", ".txcommit/stage/"+n, err)
		}
		if older {
			p.orphans = append(p.orphans, n)
		}
	}
	p.dead = slices.DeleteFunc(p.dead, func(n string) bool {
		return slices.Contains(p.orphans, strings.TrimSuffix(n, OwnerSuffix))
	})
	return nil
}

// interrupted says that the view's stamp is dirty, on this boot and mount.
func (e *Env) interrupted() bool {
	f, err := e.State.Open(strings.TrimPrefix(viewName, ".txcommit/"))
	if err != nil {
		return false
	}
	defer f.Close()
	return stamped(e.State, f, dirty)
}

// holdsOlder says whether a stage folder holds something that was made before it: a user's, that came out of the tree. A
// file that has another name is not told from the new name of a rename, and is in the tree besides.
func (e *Env) holdsOlder(name string, stage fsys.Info) (bool, error) {
	d, err := e.Stage.Sub(name)
	if err != nil {
		return false, err
	}
	defer d.Close()
	subs, err := d.Names()
	if err != nil {
		return false, err
	}
	for _, s := range subs {
		i, err := d.Stat(s)
		if err != nil {
			return false, err
		}
		if i.Kind != fsys.Folder {
			continue
		}
		if older, err := olderIn(d, s, stage.ID.Born); older || err != nil {
			return older, err
		}
	}
	return false, nil
}

// olderIn says whether the folder name holds something that was made before a time.
func olderIn(d *fsys.Dir, name string, born int64) (bool, error) {
	sub, err := d.Sub(name)
	if err != nil {
		return false, err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return false, err
	}
	for _, n := range names {
		i, err := sub.Stat(n)
		if err != nil {
			return false, err
		}
		if i.ID.Born != 0 && i.ID.Born < born && (i.Kind == fsys.Folder || i.Nlink == 1) {
			return true, nil
		}
	}
	return false, nil
}
