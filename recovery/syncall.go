package recovery

import (
	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// SyncAll makes everything durable that transactions of level process have done, so that their records may go.
func (e *Env) SyncAll(records []*journal.Record) error {
	if len(records) == 0 {
		return nil
	}
	v, err := e.Root.Volume()
	if err != nil {
		return err
	}
	if v.SyncFS { // a transaction of level process is on one file system: see txn
		return PathError("sync", ".", e.Stage.SyncFS())
	}
	for _, rec := range records {
		if err := e.syncRecord(rec); err != nil {
			return err
		}
	}
	return nil
}

// syncRecord syncs, one by one, what a transaction of level process has put into the tree.
func (e *Env) syncRecord(rec *journal.Record) error {
	r := &Run{env: e, rec: rec, parents: map[uint32]*fsys.Dir{}}
	defer r.closeParents()
	for i := range rec.Steps {
		s := &rec.Steps[i]
		if s.Kind != journal.Install {
			continue
		}
		d, err := r.parent(s.Parent)
		if wentAway(err) {
			continue // by somebody who can see to it
		}
		if err != nil {
			return PathError("open", rec.Path(s), err)
		}
		t, err := d.Stat(s.Name)
		if err != nil {
			return PathError("stat", rec.Path(s), err)
		}
		if inode(t) != s.New {
			continue
		}
		if err := SyncTree(d, s.Name, t); err != nil {
			return PathError("sync", rec.Path(s), err)
		}
	}
	if err := r.syncParents(); err != nil {
		return err
	}
	return r.syncModes()
}

// SyncTree makes a file, or a folder with all that is below it, durable. It never follows a link.
func SyncTree(d *fsys.Dir, name string, i fsys.Info) error {
	switch i.Kind {
	case fsys.File:
		f, err := d.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return fsys.SyncFile(f)
	case fsys.Folder:
		sub, err := d.Sub(name)
		if err != nil {
			return err
		}
		defer sub.Close()
		names, err := sub.Names()
		if err != nil {
			return err
		}
		for _, n := range names {
			i, err := sub.Stat(n)
			if err != nil {
				return err
			}
			if err := SyncTree(sub, n, i); err != nil {
				return err
			}
		}
		return sub.Sync()
	case fsys.Absent, fsys.Link, fsys.Special:
	}
	return nil
}
