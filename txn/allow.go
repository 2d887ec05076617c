package txn

import (
	"os"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// allow refuses, before the commit point, a step that the kernel would refuse after it.
func (p *preparer) allow(st *step) error {
	if st.renames() {
		err := p.allowFrom(st)
		if err == nil {
			err = p.allowAcross(st)
		}
		if err != nil {
			from := p.tx.ops[st.op].From
			return &Error{Op: st.op, Path: from, Err: pathError("rename", from, err)}
		}
	}
	if err := p.allowFolder(st.folder); err != nil {
		return err
	}
	if st.kind == journal.Move {
		return nil
	}
	if !st.old.Exists() {
		return nil
	}
	if st.kind == journal.Chmod {
		return p.allowChmod(st.place)
	}
	return p.allowTarget(st.place, true)
}

// allowFrom checks what is to be renamed.
func (p *preparer) allowFrom(st *step) error {
	if err := p.allowFolder(st.from.folder); err != nil {
		return err
	}
	return p.allowTarget(*st.from, st.folder != st.from.folder)
}

// allowFolder checks a target folder, once.
func (p *preparer) allowFolder(f *folder) error {
	if !f.info.Exists() || p.allowed[f.path] != nil {
		return nil // a folder that is made by the transaction is ours
	}
	if err := p.res.changeable(f); err != nil {
		return err
	}
	if err := p.stage.settleFolder(p.scan, f); err != nil {
		return err
	}
	p.allowed[f.path] = f
	return nil
}

// changeable refuses a folder in which no name can be made or removed. It looks once.
func (r *resolver) changeable(f *folder) error {
	if !f.checked {
		f.checked, f.refused = true, r.checkFolder(f)
	}
	return f.refused
}

func (r *resolver) checkFolder(f *folder) error {
	d, err := r.handle(f)
	if err != nil {
		return err
	}
	if f.info.Immutable {
		return errors.Wrapf(syscall.EPERM, "directory %s is immutable or append-only", f.path)
	}
	if err := d.Writable(); err != nil {
		return errors.Wrapf(err, "directory %s cannot be changed", f.path)
	}
	return nil
}

// allowTarget checks what is to be replaced, removed or renamed.
func (p *preparer) allowTarget(at place, leavesFolder bool) error {
	i := at.info
	switch {
	case i.Immutable:
		return errors.Wrap(syscall.EPERM, "it is immutable or append-only")
	case i.MountRoot || !i.SameFS(at.folder.info):
		return errors.Wrap(syscall.EBUSY, "it is a mount point, which cannot be replaced")
	}
	uid := uint32(os.Geteuid())
	if uid != 0 && at.folder.info.Mode&0o1000 != 0 && i.UID != uid && at.folder.info.UID != uid {
		return errors.Wrap(syscall.EPERM, "its directory is sticky and it belongs to another user")
	}
	if err := p.allowProject(at); err != nil || i.Kind != fsys.Folder {
		return err
	}
	if err := p.allowMerged(at); err != nil || !leavesFolder {
		return err
	}
	// A folder that changes its parent is itself written to: its ".." changes.
	d, err := p.res.handle(at.folder)
	if err != nil {
		return err
	}
	sub, err := d.Sub(at.name)
	if err != nil {
		return err
	}
	defer sub.Close()
	return sub.Writable()
}

// allowMerged refuses a folder that an overlay cannot rename, because part of it is in a lower layer: nothing that can be
// looked at tells. So it is tried, onto a folder of ours that is not empty: that never works, and the overlay looks at
// this first (ovl_rename in fs/overlayfs/dir.c).
func (p *preparer) allowMerged(at place) error {
	in := p.stage.dir
	if o := p.stage.outerFor(at.folder); o != nil {
		in = o.dir
	}
	v, err := in.Volume()
	if err != nil || v.Name != "overlay" {
		return err
	}
	const full = "probe-full"
	for _, name := range []string{full, full + "/x"} {
		if err := in.Mkdir(name, 0o700); err != nil && err != syscall.EEXIST {
			return stageError("mkdir", err)
		}
	}
	d, err := p.res.handle(at.folder)
	if err != nil {
		return err
	}
	if err := d.Rename(at.name, in, full); err != syscall.ENOTEMPTY && err != syscall.EEXIST {
		return errors.Wrap(err, "an overlay cannot rename a directory of its lower layer")
	}
	return nil
}

// allowChmod checks a change of mode, which only the owner may make.
func (p *preparer) allowChmod(at place) error {
	if at.info.MountRoot || !at.info.SameFS(at.folder.info) { // the mode is that of what is mounted
		if at.info.Kind != fsys.Folder {
			return errors.Wrap(syscall.EBUSY, "it is a mount point")
		}
		if err := p.allowFolder(p.res.sub(at.folder, at.name, at.info)); err != nil {
			return err
		}
	}
	if at.info.Immutable {
		return errors.Wrap(syscall.EPERM, "it is immutable or append-only")
	}
	if uid := uint32(os.Geteuid()); uid != 0 && at.info.UID != uid {
		return errors.Wrap(syscall.EPERM, "only the owner may change the mode")
	}
	return nil
}
