package txn

import (
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// walkOld records what is below a folder that leaves the tree, and refuses what must not leave it.
func (p *preparer) walkOld(st *step, js *journal.Step) error {
	d, err := p.res.handle(st.folder)
	if err != nil {
		return err
	}
	w, err := recovery.WalkFolder(d, st.name())
	switch {
	case err == syscall.EBUSY:
		return errors.Wrap(err, "something is mounted below")
	case err != nil:
		return err
	case st.empty && !w.Empty:
		return syscall.ENOTEMPTY
	case w.Store != "":
		return holdsStore(w.Store)
	case w.Immutable != "":
		return errors.Wrapf(syscall.EPERM, "%s below it is immutable or append-only", w.Immutable)
	}
	js.Old.Walk = w.Digest
	p.removed[st.want] = w.Files
	p.kept += w.Bytes
	return nil
}

func holdsStore(at string) error { return errors.Newf("holds another store (%s)", at) }

// storeBelow finds the state folder of another store in the folder name and returns its path in there. What is mounted
// below, or may not be read, is not looked into: it only changes the way to it.
func storeBelow(d *fsys.Dir, name string) (string, error) {
	sub, err := d.Sub(name)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return "", err
	}
	for _, n := range names {
		i, err := sub.Stat(n)
		if err != nil || i.Kind == fsys.Folder && n == journal.StateFolder {
			return n, err
		}
		if i.Kind != fsys.Folder || i.MountRoot {
			continue
		}
		if at, err := storeBelow(sub, n); at != "" || err != nil {
			return n + "/" + at, err
		}
	}
	return "", nil
}

// linkInside puts renamed files into the new folders that they come with.
func (p *preparer) linkInside() error {
	for _, w := range p.sorted() {
		if w.inside() == nil || w.kind != wantLinked {
			continue
		}
		if err := p.linkRenamed(w); err != nil {
			return &Error{Op: w.op, Path: w.said(), Err: pathError("rename", w.said(), err)}
		}
	}
	return nil
}

// finishFolders gives new folders their exact modes, which may lock us out of them: the deepest first.
func (p *preparer) finishFolders() error {
	for _, w := range slices.Backward(p.sorted()) {
		bits, ok := w.mode.Bits()
		if w.kind != wantFolder || !ok {
			continue
		}
		s := p.stage.staged.find(w.path())
		var err error
		if w.like != nil {
			err = p.stage.likeFolder(w.like, s)
		}
		if err == nil {
			in, at := p.stage.where(s.at())
			err = in.Chmod(at, s.id, bits)
		}
		if err != nil {
			return &Error{Op: w.op, Path: w.said(), Err: pathError("mkdir", w.said(), err)}
		}
	}
	return nil
}

// likeFolder gives a folder that is made anew the owner and the attributes of the one that it stands for. What is in it is
// there by then, and inherits nothing.
func (s *stage) likeFolder(old *source, st *staged) error {
	attrs, err := old.dir.Xattrs(old.rel)
	if err != nil {
		return err
	}
	in, at := s.where(st.at())
	d, err := in.Sub(at)
	if err != nil {
		return err
	}
	defer closeDir(d)
	now, err := d.Self()
	if err != nil {
		return err
	}
	if now.UID != old.info.UID || now.GID != old.info.GID {
		if err := fsys.ChownFile(d.Handle(), old.info.UID, old.info.GID); err != nil {
			return errors.Wrapf(err, "its owner %d:%d cannot be put back", old.info.UID, old.info.GID)
		}
	}
	for _, x := range attrs {
		if err := fsys.SetXattr(d.Handle(), x); err != nil {
			return errors.Wrapf(err, "its attribute %s cannot be put back", x.Name)
		}
	}
	return nil
}

// likeLink gives a link that is made anew the owner and the time of the one that it stands for.
func (s *stage) likeLink(old *source, at string) error {
	in, at := s.where(at)
	i, err := in.Stat(at)
	if err != nil {
		return err
	}
	if i.UID != old.info.UID || i.GID != old.info.GID {
		if err := in.Chown(at, old.info.UID, old.info.GID); err != nil {
			return errors.Wrapf(err, "its owner %d:%d cannot be put back", old.info.UID, old.info.GID)
		}
	}
	return in.SetMtime(at, old.info.Mtime)
}

// walkNew records what is inside the new folders, as it was staged.
func (p *preparer) walkNew(steps []step) {
	below := map[*want]uint64{}
	for _, w := range p.sorted() {
		s := p.stage.staged.find(w.path())
		if top := w.inside(); top != nil && s != nil { // a folder that is moved there comes by a step of its own
			p.inside++
			below[top] += recovery.EntryDigest(w.path()[len(top.path())+1:], s.info())
		}
	}
	for i, st := range steps {
		if st.kind == journal.Install && st.want.kind == wantFolder {
			p.tops[st.want] = uint32(i)
			p.rec.Steps[i].Walk = below[st.want]
		}
	}
}

// probeExchange finds out whether two names can be exchanged where the steps need it, by exchanging two names of ours.
func (p *preparer) probeExchange(steps []step) error {
	for _, st := range steps {
		if st.kind != journal.Install || !st.old.Exists() {
			continue
		}
		o := p.stage.outerFor(st.folder)
		if _, known := p.exchange[o]; known {
			continue
		}
		can, err := p.canExchange(o)
		if err != nil {
			return err
		}
		p.exchange[o] = can
	}
	return nil
}

func (p *preparer) canExchange(o *outer) (bool, error) {
	in, dev := p.stage.dir, p.stage.home.dev
	if o != nil {
		in, dev = o.dir, o.area.dev
	}
	if known, ok := p.tx.store.exchanges.Load(dev); ok {
		return known.(bool), nil
	}
	for _, name := range []string{"probe-a", "probe-b"} {
		f, err := in.Create(name, 0o600)
		if err != nil {
			return false, stageError("create", err)
		}
		_ = f.Close()
	}
	err := in.Exchange("probe-a", in, "probe-b")
	if err != nil && !errors.Is(err, ErrUnsupported) {
		return false, stageError("exchange", err)
	}
	p.tx.store.exchanges.Store(dev, err == nil)
	return err == nil, nil
}
