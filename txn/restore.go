package txn

import (
	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// restore looks at an op that takes a step back.
func (s *scan) restore(i int, o *op) error {
	switch o.Kind {
	case manifest.Rename:
		return s.restoreMoved(i, o)
	case manifest.Chmod, manifest.Write, manifest.Remove:
	case manifest.Mkdir, manifest.Symlink, manifest.Tree:
		return errors.AssertionFailedf("an undo by op of kind %d", o.Kind)
	}
	at, err := s.res.lookup(o.Path())
	if err != nil {
		return err
	}
	if err := s.checkBack(i, o, at); err != nil {
		return err
	}
	at, _ = s.takenAway(at)
	switch {
	case o.Kind == manifest.Chmod && !at.info.Exists():
		return nil // by force: there is nothing to be put back
	case o.Kind == manifest.Chmod:
		return s.putMode(i, o.Path(), at, o.Mode)
	case o.Kind == manifest.Remove:
		return s.takeBack(i, o, at)
	}
	return s.putBack(i, o, at)
}

func (s *scan) restoreMoved(i int, o *op) error {
	at, err := s.res.lookup(o.From)
	if err != nil {
		return err
	}
	if err := s.checkBack(i, o, at); err != nil {
		return err
	}
	to, err := s.res.lookup(o.To)
	if err == nil && to.info.Exists() && !o.back.taken { // force does not help: a folder replaces nothing
		err = &Error{Op: i, Path: o.To, Err: recovery.Conflict("", whyThere)}
	}
	if err != nil {
		return err
	}
	return s.rename(i, o)
}

// checkBack makes sure that what is at a place is still what the step has left there.
func (s *scan) checkBack(i int, o *op, at place) error {
	b := o.back
	state := manifest.ExpectPresent
	if b.step.Kind == journal.Remove && !b.taken {
		state = manifest.ExpectAbsent
	}
	if b.force {
		return nil
	}
	why := b.drifted(*at.info)
	if why == "" && at.info.Kind == fsys.Folder && b.step.Kind == journal.Install && b.step.Old.Kind != 0 {
		if as, err := s.asInstalled(b, at); err != nil {
			return err
		} else if !as {
			why = whyDrifted
		}
	}
	if why != "" {
		return recovery.Conflict("", why)
	}
	if b.step.Kind != journal.Remove || !b.taken {
		s.checks = append(s.checks, check{place: at, op: i, said: o.said(), expect: manifest.Expect{State: state}})
	}
	return nil
}

// asInstalled says that a folder holds just what it came with.
func (s *scan) asInstalled(b *back, at place) (bool, error) {
	d, err := s.res.handle(at.folder)
	if err != nil {
		return false, err
	}
	w, err := recovery.WalkFolder(d, at.name())
	return err == nil && w.Digest == b.step.Walk, err
}

const (
	whyDrifted = "has changed since the transaction that is to be undone"
	whyThere   = "is there again since the transaction that is to be undone"
)

// drifted says why what is at the step's path is not what the step has left there. Folders are looked at by takeBack.
func (b *back) drifted(i fsys.Info) string {
	s := b.step
	switch {
	case s.Kind == journal.Remove && b.taken:
		return ""
	case s.Kind == journal.Remove && i.Exists():
		return whyThere
	case s.Kind == journal.Remove:
		return ""
	case !i.Exists():
		return "is gone since the transaction that is to be undone"
	}
	id := journal.Inode(i.ID)
	switch s.Kind {
	case journal.Chmod:
		if id != s.Old.Inode || i.Mode != uint32(s.Mode) {
			return whyDrifted
		}
	case journal.Move:
		if id != s.Old.Inode {
			return whyDrifted
		}
	case journal.Install:
		if id != s.New || !recovery.Unbroken(i, s.Walk) {
			return whyDrifted
		}
	case journal.Remove:
	}
	return ""
}

// putBack wants what a step took out of the tree back at its place.
func (s *scan) putBack(i int, o *op, at place) error {
	d, rel, err := s.tx.keptAt(o.back.at)
	if err != nil {
		return err
	}
	info, err := d.Stat(rel)
	if err != nil {
		return err
	}
	old := o.back.step.Old
	switch {
	case !info.Exists():
		return recovery.Conflict("", "cannot be undone: what the transaction replaced is not kept any more")
	case o.back.force:
	case journal.Inode(info.ID) != old.Inode:
		return recovery.Conflict("", "cannot be undone: what is kept is not the file that the transaction replaced, since the store was copied or restored")
	case recovery.Timed(info.Kind) && (info.Size != old.Size || info.Mtime != old.Mtime):
		return recovery.Conflict("", "cannot be undone: what the transaction replaced was changed since, by its other name")
	}
	switch info.Kind {
	case fsys.File, fsys.Special: // both are linked
		return s.put(newWant(at, o.Path(), want{
			kind: wantFile, op: i, brings: true, mode: manifest.ModeOf(info.Mode), perm: 0o666,
			special: &special{source: &source{dir: d, rel: rel, said: o.Path(), info: info, link: true, exact: true}},
		}))
	case fsys.Link:
		target, err := d.ReadLink(rel)
		if err != nil {
			return err
		}
		like := &source{dir: d, rel: rel, info: info}
		return s.put(newWant(at, o.Path(), want{kind: wantLink, op: i, special: &special{target: target, like: like}}))
	case fsys.Folder:
		return s.putFolderBack(i, o, at, info)
	case fsys.Absent:
	}
	return errors.Newf("is %s, which cannot be put back", info.Kind)
}

// putFolderBack wants a folder back with all that was in it: the folders are made anew, the files are the same.
func (s *scan) putFolderBack(i int, o *op, at place, info fsys.Info) error {
	if o.listing == nil {
		d, err := s.tx.kept.Beneath(o.back.at)
		if err != nil {
			return err
		}
		l := &listing{dir: d, said: o.Path(), top: &node{rel: ".", info: info}, folders: map[fsys.ID]bool{}, exact: true}
		if err := l.read(s.early.ctx, o, s.tx.store.jobs()); err != nil {
			_ = d.Close()
			return err
		}
		o.listing = l
	}
	t := &treeScan{s, i, o, o.listing}
	w := newWant(at, o.Path(), want{kind: wantFolder, op: i, mode: manifest.ModeOf(info.Mode), perm: 0o777, special: &special{like: t.like(o.listing.top)}})
	if err := s.put(w); err != nil {
		return err
	}
	return t.entries(o.listing.top, &folder{path: at.path(), name: at.name(), parent: at.folder})
}

// takeBack wants gone what a step has made. Of a folder everything goes that came with it, and the folder itself unless
// somebody has put something into it since.
func (s *scan) takeBack(i int, o *op, at place) error {
	if !at.info.Exists() {
		return nil // by force
	}
	top := newWant(at, o.Path(), want{kind: wantGone, op: i})
	if at.info.Kind != fsys.Folder || o.back.force {
		s.vacated[at.path()] = i
		return s.put(top)
	}
	if as, err := s.asInstalled(o.back, at); err != nil {
		return err
	} else if as {
		s.vacated[at.path()] = i
		return s.put(top)
	}
	if len(o.back.rec.Made) == 0 {
		return recovery.Conflict("", whyDrifted+"; what came with it is not known, since it was committed with durability process")
	}
	made := map[string]*journal.Made{}
	for n := range o.back.rec.Made {
		if m := &o.back.rec.Made[n]; m.Step == o.back.index {
			made[m.Path] = m
		}
	}
	gone, whole, err := s.takeFolderBack(i, o, at, "", made)
	if err != nil {
		return err
	}
	if whole { // something was taken out of it
		s.vacated[at.path()] = i
		return s.put(top)
	}
	for _, w := range gone {
		if err := s.put(w); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) takeFolderBack(i int, o *op, at place, prefix string, made map[string]*journal.Made) (gone []*want, whole bool, err error) {
	f := s.res.sub(at)
	names, err := s.names(f)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for _, name := range names {
		sub, err := s.res.place(f, name, "")
		if err != nil {
			return nil, false, err
		}
		m := made[prefix+name]
		_, leaves := s.vacated[sub.path()]
		switch {
		case leaves: // a folder that was moved here goes back, which is done when removals are
			whole = false
			continue
		case !sub.info.Exists():
			continue
		case m == nil:
			whole = false // somebody else's
			continue
		case journal.Inode(sub.info.ID) != m.Inode || m.Seal != 0 && !recovery.Unbroken(*sub.info, m.Seal):
			return nil, false, &Error{Op: i, Path: sub.path(), Err: recovery.Conflict("", whyDrifted)}
		}
		w := newWant(sub, sub.path(), want{kind: wantGone, op: i})
		if sub.info.Kind == fsys.Folder {
			below, all, err := s.takeFolderBack(i, o, sub, prefix+name+"/", made)
			if err != nil {
				return nil, false, err
			}
			if !all {
				gone, whole = append(gone, below...), false
				continue
			}
		}
		gone = append(gone, w)
	}
	return gone, whole, nil
}
