package txn

import (
	"os"
	"slices"
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
	if err := p.allowInto(st); err != nil {
		return err
	}
	if st.kind == journal.Move {
		return nil
	}
	if !st.old.Exists() {
		return nil
	}
	if st.kind == journal.Chmod {
		return p.allowChmod(st)
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
	h, err := p.res.inherited(f)
	if err != nil {
		return err
	}
	if p.allowed[f.path] = f; h.Folds {
		p.folding[f] = true
	}
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

// allowInto refuses what would bring something into a folder that is encrypted by another policy than it is itself.
func (p *preparer) allowInto(st *step) error {
	if !st.folder.info.Encrypted || st.kind != journal.Install && st.kind != journal.Move {
		return nil
	}
	to, err := p.res.handle(st.folder)
	if err != nil {
		return err
	}
	want, err := to.EncryptionPolicy()
	if err != nil {
		return err
	}
	from, opened := p.stage.dir, false
	if o := p.stage.outerFor(st.folder); o != nil {
		from = o.dir
	}
	if st.renames() {
		if from, err = p.res.handle(st.from.folder); err == nil && st.kind == journal.Move {
			from, err = from.Sub(st.from.name())
			opened = err == nil
		}
	}
	if err != nil {
		return err
	}
	if opened {
		defer from.Close()
	}
	if has, err := from.EncryptionPolicy(); err != nil || has == want {
		return err
	}
	return errors.Wrapf(syscall.EXDEV, "directory %s is encrypted, and what is to come into it is not, or with another key", st.folder.path)
}

// allowTarget checks what is to be replaced, removed or renamed.
func (p *preparer) allowTarget(at place, leavesFolder bool) error {
	i := at.info
	switch {
	case i.Immutable:
		return errors.Wrap(syscall.EPERM, "it is immutable or append-only")
	case at.mounted():
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
	sub, err := d.Sub(at.name())
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
	if err := d.Rename(at.name(), in, full); err != syscall.ENOTEMPTY && err != syscall.EEXIST {
		return errors.Wrap(err, "an overlay cannot rename a directory of its lower layer")
	}
	return nil
}

// allowMounted refuses to change the mode of a file that is mounted, and sees to the place of a folder that is.
func (p *preparer) allowMounted(at place) error {
	switch {
	case !at.mounted():
		return nil
	case at.info.Kind != fsys.Folder:
		return errors.Wrap(syscall.EBUSY, "it is a mount point")
	}
	err := p.allowFolder(p.res.sub(at))
	if errors.Is(err, syscall.EACCES) {
		err = errors.Wrap(err, "to change the mode of a mount point takes a private folder in it; use chmod(1)")
	}
	return err
}

// mounted says that another mount, file system or subvolume begins at a place.
func (p place) mounted() bool { return p.info.MountRoot || !p.info.SameFS(p.folder.info) }

// allowChmod checks a change of mode, which only the owner may make.
func (p *preparer) allowChmod(st *step) error {
	if err := p.allowMounted(st.place); err != nil {
		return err
	}
	uid, bits := uint32(os.Geteuid()), uint32(0)
	if b, ok := st.mode.Bits(); ok {
		bits = b
	}
	switch {
	case st.info.Immutable:
		return errors.Wrap(syscall.EPERM, "it is immutable or append-only")
	case uid == 0:
	case st.info.UID != uid:
		return errors.Wrap(syscall.EPERM, "only the owner may change the mode")
	case bits&0o2000 != 0 && !inGroup(st.info.GID):
		// chmod(2) would leave the bit out, and say nothing.
		return errors.Wrapf(syscall.EPERM, "only a member of its group %d may set its setgid bit", st.info.GID)
	}
	return nil
}

// inGroup says that this process is of a group.
func inGroup(gid uint32) bool {
	if gid == uint32(os.Getegid()) {
		return true
	}
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(groups, int(gid))
}
