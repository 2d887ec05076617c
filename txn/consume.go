package txn

import (
	"io/fs"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// consume removes the sources of tree ops that move. What has changed since it was read stays, and so do the folders
// that are not empty then. What was in place before the transaction is made durable first: it may be in memory only,
// and the source the one copy that a power cut would leave.
func (s *scan) consume(res *Result) {
	synced := s.tx.store.opts.Durability == Process
	for i := range s.tx.ops {
		o := &s.tx.ops[i]
		if !consumes(*o) || o.listing == nil {
			continue
		}
		if !synced {
			if err := s.syncInPlace(); err != nil {
				if res.Cleanup == nil {
					res.Cleanup = errors.Wrap(err, "keep the moved source")
				}
				return
			}
			synced = true
		}
		if err := o.listing.consume(); err != nil && res.Cleanup == nil {
			res.Cleanup = errors.Wrap(err, "remove the moved source")
		}
	}
}

// consumes says that an op removes its source, which is somebody's.
func consumes(o op) bool { return o.Kind == manifest.Tree && o.Move && !o.scratch }

func (l *listing) consume() error {
	if err := l.consumeIn(l.dir, l.top); err != nil {
		return err
	}
	return removeEmpty(l.said)
}

func (l *listing) consumeIn(d *fsys.Dir, n *node) error {
	for _, sub := range slices.Backward(n.subs) {
		var err error
		if sub.info.Kind == fsys.Folder {
			err = l.consumeFolder(d, sub)
		} else {
			err = consumeFile(d, sub)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "remove", Path: l.path(sub.rel), Err: err}
		}
	}
	return nil
}

func (l *listing) consumeFolder(d *fsys.Dir, n *node) error {
	sub, err := d.Sub(n.name)
	if err != nil {
		return err
	}
	err = l.consumeIn(sub, n)
	_ = sub.Close()
	if err != nil {
		return bareErrno(err)
	}
	return ignoreNotEmpty(d.Rmdir(n.name))
}

func consumeFile(d *fsys.Dir, n *node) error {
	i, err := d.Stat(n.name)
	if err != nil || i.ID != n.info.ID || i.Size != n.info.Size || i.Mtime != n.info.Mtime {
		return err
	}
	return d.Unlink(n.name)
}

// syncInPlace makes durable what tree ops that move have found in place.
func (s *scan) syncInPlace() error {
	v, err := s.root.Volume()
	if err != nil {
		return recovery.PathErrno("statfs", ".", err)
	}
	if v.SyncFS {
		if err := s.root.SyncFS(); err != nil {
			return recovery.PathError("sync", ".", err)
		}
	}
	for _, w := range s.byPath.items {
		if o := &s.tx.ops[w.op]; o.Kind != manifest.Tree || !o.Move || w.makes() || w.kind == wantGone {
			continue
		}
		if v.SyncFS && w.folder.existing().info.Dev == s.res.root.info.Dev && (w.info.Kind != fsys.Folder || w.info.Dev == s.res.root.info.Dev) {
			continue
		}
		if err := s.syncWant(w); err != nil {
			return pathError("sync", w.path(), err)
		}
	}
	return nil
}

// syncWant makes what is at the path of a want durable, and its name.
func (s *scan) syncWant(w *want) error {
	d, err := s.res.handle(w.folder)
	if err != nil {
		return err
	}
	switch w.info.Kind {
	case fsys.File:
		err = recovery.SyncTree(d, w.name(), *w.info)
	case fsys.Folder:
		var sub *fsys.Dir
		if sub, err = d.Sub(w.name()); err == nil {
			err = syncFolder(sub)
			_ = sub.Close()
		}
	case fsys.Absent, fsys.Link, fsys.Special:
	}
	if err != nil {
		return err
	}
	return syncFolder(d)
}
