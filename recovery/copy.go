package recovery

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
)

// copyEntry copies what is at name, a folder with all that is below it, with mode, owner, extended attributes and time as
// far as the other file system and this user can have them: what is in it is never given up for one of those. It never
// follows a link. toName must be free.
func copyEntry(d *fsys.Dir, name string, to *fsys.Dir, toName string) error {
	i, err := d.Stat(name)
	if err != nil {
		return err
	}
	switch i.Kind {
	case fsys.File:
		return copyFile(d, name, to, toName, i)
	case fsys.Folder:
		return copyFolder(d, name, to, toName, i)
	case fsys.Link:
		target, err := d.ReadLink(name)
		if err == nil {
			err = to.Symlink(target, toName)
		}
		if err != nil {
			return err
		}
		_ = to.Chown(toName, i.UID, i.GID)
		return to.SetMtime(toName, i.Mtime)
	case fsys.Special:
		if err := d.CopySpecial(name, to, toName); err != nil {
			return err
		}
		_ = to.Chown(toName, i.UID, i.GID)
		return nil
	case fsys.Absent:
	}
	return fs.ErrNotExist
}

func copyFile(d *fsys.Dir, name string, to *fsys.Dir, toName string, i fsys.Info) error {
	src, err := d.Open(name)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.Create(toName, 0o600)
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := copyData(dst, src, i.Size); err != nil {
		return bareErrno(err)
	}
	if err := copyAttributes(dst, src, i); err != nil {
		return err
	}
	return to.SetMtime(toName, i.Mtime)
}

// copyData copies the content of a file; holes stay holes.
func copyData(dst, src *os.File, size int64) error {
	for at := int64(0); at < size; {
		from, end, err := fsys.NextData(src, at)
		if errors.Is(err, fsys.ErrUnsupported) {
			from, end = at, size
			_, err = src.Seek(at, io.SeekStart)
		}
		if err != nil || end == from {
			if err != nil {
				return err
			}
			break
		}
		if _, err := dst.Seek(from, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(dst, src, end-from); err != nil {
			return err
		}
		at = end
	}
	return dst.Truncate(size)
}

func copyFolder(d *fsys.Dir, name string, to *fsys.Dir, toName string, i fsys.Info) error {
	if i.MountRoot {
		return &mounted{name} // what is mounted there is nothing of this folder's
	}
	src, err := d.Sub(name)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := to.Mkdir(toName, 0o700); err != nil {
		return err
	}
	dst, err := to.Sub(toName)
	if err != nil {
		return err
	}
	defer dst.Close()
	names, err := src.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := copyEntry(src, n, dst, n); err != nil {
			return below(name, err)
		}
	}
	if err := copyAttributes(dst.Handle(), src.Handle(), i); err != nil {
		return err
	}
	return to.SetMtime(toName, i.Mtime)
}

// mounted says that something is mounted in what is to be copied: only the user knows what to do with it.
type mounted struct{ at string }

func (e *mounted) Error() string {
	return "something is mounted at " + e.at + ", and has to be unmounted before what somebody has put here can be kept"
}

func (e *mounted) Unwrap() error { return syscall.EBUSY }

// below puts the path of a folder to where something is mounted in it.
func below(path string, err error) error {
	var m *mounted
	if errors.As(err, &m) {
		return &mounted{path + "/" + m.at}
	}
	return err
}

// copyAttributes gives an open copy the owner, the extended attributes and the mode of the original, which is i.
func copyAttributes(dst, src *os.File, i fsys.Info) error {
	attrs, err := fsys.FileXattrs(src)
	if err != nil {
		return err
	}
	mode := i.Mode
	if fsys.ChownFile(dst, i.UID, i.GID) != nil {
		mode &= 0o1777 // not for another owner
	}
	for _, x := range attrs {
		_ = fsys.SetXattr(dst, x)
	}
	return fsys.ChmodFile(dst, mode)
}

// moveAcross moves an entry to a fresh name in a folder on another file system: it is copied and made durable, gets its
// name, and only then goes here. part is a name that no two use at once. EEXIST: the name is taken by something else. A
// try that was cut is gone on with: what is at the fresh name with the same content is the copy.
func moveAcross(d *fsys.Dir, name string, to *fsys.Dir, fresh, part string) error {
	there, err := to.Stat(fresh)
	if err != nil {
		return err
	}
	if there.Exists() {
		if same, err := sameContent(d, name, to, fresh); err != nil || !same {
			return errors.Join(err, syscall.EEXIST)
		}
	} else if err := copyDurably(d, name, to, fresh, part); err != nil {
		return err
	}
	if err := d.RemoveAll(name); err != nil {
		return err
	}
	return syncNames(d)
}

// copyDurably copies an entry so that it is there as a whole or not at all.
func copyDurably(d *fsys.Dir, name string, to *fsys.Dir, fresh, part string) error {
	if err := to.RemoveAll(part); err != nil {
		return err
	}
	if err := copyEntry(d, name, to, part); err != nil {
		_ = to.RemoveAll(part) // as does the next try
		return err
	}
	i, err := to.Stat(part)
	if err == nil {
		err = SyncTree(to, part, i)
	}
	if err == nil {
		err = to.RenameNoReplace(part, to, fresh)
	}
	if err != nil {
		return err
	}
	return syncNames(to)
}

func sameContent(a *fsys.Dir, name string, b *fsys.Dir, other string) (bool, error) {
	i, err := a.Stat(name)
	if err != nil {
		return false, err
	}
	j, err := b.Stat(other)
	if err != nil || i.Kind != j.Kind || i.Kind == fsys.Special {
		return false, err
	}
	x, err := ContentDigest(a, name)
	if err != nil {
		return false, err
	}
	y, err := ContentDigest(b, other)
	return x == y, err
}

// syncNames makes the names in a folder durable, where that can be asked for.
func syncNames(d *fsys.Dir) error {
	if err := d.Sync(); !errors.Is(err, fsys.ErrUnsupported) {
		return err
	}
	return nil
}
