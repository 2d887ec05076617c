package fsys

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// Stat describes what is at name; the zero Info and no error if there is nothing.
func (d *Dir) Stat(name string) (i Info, err error) {
	err = d.withName(name, windows.FILE_READ_ATTRIBUTES, 0, func(h windows.Handle) error {
		i, err = infoOf(h)
		return err
	})
	if err == syscall.ENOENT {
		return Info{}, nil
	}
	return i, err
}

// Self describes the folder itself.
func (d *Dir) Self() (i Info, err error) {
	err = d.withFolder(func(h windows.Handle) error {
		i, err = infoOf(h)
		return err
	})
	return i, err
}

// ReadLink is missing here: ErrUnsupported.
func (*Dir) ReadLink(string) (string, error) { return "", ErrUnsupported }

// Symlink is missing here: ErrUnsupported.
func (*Dir) Symlink(_, _ string) error { return ErrUnsupported }

// Create makes the file name, which must not exist, and opens it for reading and writing.
func (d *Dir) Create(name string, perm uint32) (*os.File, error) {
	attributes := uint32(windows.FILE_ATTRIBUTE_NORMAL)
	if perm&0o200 == 0 {
		attributes = readOnly
	}
	return d.openFile(name, windows.FILE_GENERIC_READ|windows.FILE_GENERIC_WRITE, windows.FILE_CREATE, windows.FILE_NON_DIRECTORY_FILE, attributes)
}

// OpenOrCreate opens the file name for reading and writing, and makes it if it is missing.
func (d *Dir) OpenOrCreate(name string, _ uint32) (*os.File, error) {
	return d.openFile(name, windows.FILE_GENERIC_READ|windows.FILE_GENERIC_WRITE, windows.FILE_OPEN_IF, windows.FILE_NON_DIRECTORY_FILE, windows.FILE_ATTRIBUTE_NORMAL)
}

// Open opens the file name for reading.
func (d *Dir) Open(name string) (*os.File, error) {
	return d.openFile(name, windows.FILE_GENERIC_READ, windows.FILE_OPEN, 0, 0)
}

func (d *Dir) openFile(name string, access, disposition, options, attributes uint32) (*os.File, error) {
	h, err := d.openName(name, access, disposition, options, attributes)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(h), name)
	i, err := StatFile(f)
	if err == nil && i.Kind == Link {
		err = syscall.ELOOP
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Names returns the names in d in no particular order, without "." and "..".
func (d *Dir) Names() ([]string, error) {
	h, err := d.open()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(h), d.name)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, bare(err)
	}
	return names, nil
}

// Mkdir makes the folder name; it inherits who may use it.
func (d *Dir) Mkdir(name string, _ uint32) error {
	h, err := d.openName(name, windows.FILE_READ_ATTRIBUTES, windows.FILE_CREATE, windows.FILE_DIRECTORY_FILE, windows.FILE_ATTRIBUTE_NORMAL)
	if err != nil {
		return err
	}
	return windows.CloseHandle(h)
}

// Link gives the file name a second name in another folder.
func (d *Dir) Link(name string, to *Dir, toName string) error {
	return d.withName(name, windows.FILE_WRITE_ATTRIBUTES, 0, func(h windows.Handle) error {
		err := again(func() error { return setName(h, to, toName, 0, fileLinkInformation) })
		if err == syscall.ENOTSUP || err == syscall.ENOSYS {
			return syscall.EPERM // as link(2) says where a file system has no links
		}
		return err
	})
}

// FolderOverFile says what a rename of a folder may replace: a file, or an empty folder.
const FolderOverFile = true

// Rename renames name in d to toName in to, over a file that is there, also one that others have open if they share it.
func (d *Dir) Rename(name string, to *Dir, toName string) error {
	return d.rename(name, to, toName, windows.FILE_RENAME_REPLACE_IF_EXISTS)
}

// RenameNoReplace is Rename that fails with EEXIST where something is at toName.
func (d *Dir) RenameNoReplace(name string, to *Dir, toName string) error {
	return d.rename(name, to, toName, 0)
}

func (d *Dir) rename(name string, to *Dir, toName string, flags uint32) error {
	const posixly = windows.FILE_RENAME_POSIX_SEMANTICS | windows.FILE_RENAME_IGNORE_READONLY_ATTRIBUTE
	return d.withName(name, windows.DELETE|windows.FILE_READ_ATTRIBUTES, 0, func(h windows.Handle) error {
		return unused(func() error {
			err := setName(h, to, toName, flags|posixly, fileRenameInformationEx)
			if err == nil || err == syscall.EEXIST {
				return err
			}
			// Before Windows 10 1809, on FAT, or a folder over a file. What is refused for another reason is refused again.
			return setName(h, to, toName, flags, windows.FileRenameInformation)
		})
	})
}

// Exchange is missing here: ErrUnsupported.
func (d *Dir) Exchange(string, *Dir, string) error { return ErrUnsupported }

// Unlink removes the name of anything but a folder.
func (d *Dir) Unlink(name string) error {
	return d.remove(name, 0, func(i Info) error {
		if i.Kind == Folder {
			return syscall.EISDIR
		}
		return nil
	})
}

// Rmdir removes the empty folder name.
func (d *Dir) Rmdir(name string) error {
	return d.remove(name, windows.FILE_DIRECTORY_FILE, func(i Info) error {
		if i.Kind != Folder {
			return syscall.ENOTDIR
		}
		return nil
	})
}

// remove deletes a name at once, also of what others have open, if that can be: before Windows 10, and on FAT, the name goes
// with the last handle.
func (d *Dir) remove(name string, options uint32, check func(Info) error) error {
	return d.withName(name, windows.DELETE|windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES, options, func(h windows.Handle) error {
		i, err := infoOf(h)
		if err == nil {
			err = check(i)
		}
		if err != nil {
			return err
		}
		return unused(func() error {
			const posixly = windows.FILE_DISPOSITION_POSIX_SEMANTICS | windows.FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE |
				windows.FILE_DISPOSITION_FORCE_IMAGE_SECTION_CHECK
			err := setInfo(h, windows.FileDispositionInformationEx, uint32(windows.FILE_DISPOSITION_DELETE|posixly))
			if missing(err) {
				return removeSlowly(h, i)
			}
			return posix(err)
		})
	})
}

// removeSlowly is for systems before Windows 10 1809, and FAT. They delete no read-only file; other names of one stay read-only.
func removeSlowly(h windows.Handle, i Info) error {
	if i.Kind != File || i.Mode&0o200 != 0 {
		return posix(setInfo(h, windows.FileDispositionInformation, true))
	}
	other, err := ntOpen(h, ".", windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES, windows.FILE_OPEN, 0, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(other)
	if err := setReadOnly(h, false); err != nil {
		return err
	}
	err = posix(setInfo(h, windows.FileDispositionInformation, true))
	if err != nil || i.Nlink > 1 {
		if serr := setReadOnly(other, true); err == nil {
			err = serr
		}
	}
	return err
}

// Chmod makes name read-only or not, if it still is the inode id; ESTALE otherwise.
func (d *Dir) Chmod(name string, id ID, mode uint32) error {
	return d.withName(name, windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES, 0, func(h windows.Handle) error {
		i, err := infoOf(h)
		switch {
		case err != nil:
			return err
		case i.ID != id:
			return syscall.ESTALE
		case i.Kind == Link:
			return syscall.ELOOP
		}
		return chmod(h, i, mode)
	})
}

// Chown does nothing here: what is made inherits who may use it.
func (*Dir) Chown(string, uint32, uint32) error { return nil }

// SetMtime sets the modification time of name, in nanoseconds since 1970, to 100 ns.
func (d *Dir) SetMtime(name string, ns int64) error {
	t := windows.NsecToFiletime(ns)
	return d.withName(name, windows.FILE_WRITE_ATTRIBUTES, 0, func(h windows.Handle) error {
		return posix(windows.SetFileTime(h, nil, nil, &t))
	})
}

// Private does nothing here: the folder inherits who may use it.
func (*Dir) Private() error { return nil }

// Writable is not asked here: the system tells when a name is made.
func (*Dir) Writable() error { return nil }

// Heritage reads what d hands down. The system sees to all of it but the case of names; folders that tell names by their case exist here too, and are rare.
func (*Dir) Heritage(Info) (Heritage, error) { return Heritage{Folds: true}, nil }

// SyncsFolders says that Dir.Sync makes names durable.
const SyncsFolders = false

// Sync does nothing here: Windows has no call for it. NTFS keeps changes of names in a log, in their order, and writes
// that by itself within seconds.
func (*Dir) Sync() error { return nil }
