//go:build unix

package fsys

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Dir is an open folder. Its methods take single names, or a way below it that nobody else changes, and never follow a link at
// the last one.
type Dir struct{ f *os.File }

const folderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// OpenDir opens the folder at an operating system path, following links.
func OpenDir(path string) (*Dir, error) {
	return openDir(unix.AT_FDCWD, path, 0)
}

func openDir(at int, path string, flags int) (*Dir, error) {
	fd, err := openat(at, path, folderFlags|flags, 0)
	if err != nil {
		return nil, err
	}
	return &Dir{os.NewFile(uintptr(fd), path)}, nil
}

// Sub opens the folder name in d. A link at name is an error.
func (d *Dir) Sub(name string) (*Dir, error) { return openDir(d.fd(), name, unix.O_NOFOLLOW) }

// Close releases the handle.
func (d *Dir) Close() error { return bare(d.f.Close()) }

func (d *Dir) fd() int { return int(d.f.Fd()) }

// Stat describes what is at name; the zero Info and no error if there is nothing.
func (d *Dir) Stat(name string) (Info, error) {
	i, err := statAt(d.fd(), name)
	if err == unix.ENOENT {
		return Info{}, nil
	}
	return i, err
}

// Self describes the folder itself.
func (d *Dir) Self() (Info, error) { return StatFile(d.f) }

// ReadLink returns where the link name leads.
func (d *Dir) ReadLink(name string) (string, error) {
	for size := 256; ; size *= 2 {
		b := make([]byte, size)
		n, err := unix.Readlinkat(d.fd(), name, b)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(b[:n]), nil
		}
	}
}

// Create makes the file name, which must not exist, and opens it for reading and writing.
func (d *Dir) Create(name string, perm uint32) (*os.File, error) {
	return d.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, perm)
}

// OpenOrCreate opens the file name for reading and writing, and makes it if it is missing.
func (d *Dir) OpenOrCreate(name string, perm uint32) (*os.File, error) {
	return d.open(name, unix.O_RDWR|unix.O_CREAT, perm)
}

// Open opens the file name for reading. It does not wait for the other end of a FIFO.
func (d *Dir) Open(name string) (*os.File, error) {
	return d.open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
}

func (d *Dir) open(name string, flags int, perm uint32) (*os.File, error) {
	fd, err := openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Names returns the names in d in no particular order, without "." and "..".
func (d *Dir) Names() ([]string, error) {
	// A handle of its own: reading moves the offset, and others may read at the same time.
	f, err := d.open(".", folderFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, bare(err)
	}
	return names, nil
}

// Mkdir makes the folder name; the umask applies to perm.
func (d *Dir) Mkdir(name string, perm uint32) error {
	return again(func() error { return unix.Mkdirat(d.fd(), name, perm) })
}

// Symlink makes the link name that leads to target.
func (d *Dir) Symlink(target, name string) error {
	return again(func() error { return unix.Symlinkat(target, d.fd(), name) })
}

// Link gives the file (or link) name a second name in another folder.
func (d *Dir) Link(name string, to *Dir, toName string) error {
	return again(func() error { return unix.Linkat(d.fd(), name, to.fd(), toName, 0) })
}

// FolderOverFile says what a rename of a folder may replace: a file, or an empty folder.
const FolderOverFile = false

// Rename renames name in d to toName in to, over what is there.
func (d *Dir) Rename(name string, to *Dir, toName string) error {
	return again(func() error { return unix.Renameat(d.fd(), name, to.fd(), toName) })
}

// Unlink removes the name of anything but a folder.
func (d *Dir) Unlink(name string) error {
	return again(func() error { return unix.Unlinkat(d.fd(), name, 0) })
}

// Rmdir removes the empty folder name.
func (d *Dir) Rmdir(name string) error {
	return again(func() error { return unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR) })
}

// Chown sets the owner and the group of name; a link's own.
func (d *Dir) Chown(name string, uid, gid uint32) error {
	return again(func() error {
		return unix.Fchownat(d.fd(), name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

// KeptMode is what the system keeps of a mode: all of it.
func KeptMode(mode uint32, _ bool) uint32 { return mode }

// Written says that nothing more is written to f: its time is settled. Here it is after each write.
func Written(*os.File) error { return nil }

// SetMtime sets the modification time of name, in nanoseconds since 1970; a link's own.
func (d *Dir) SetMtime(name string, ns int64) error {
	ts := []unix.Timespec{{Nsec: utimeOmit}, unix.NsecToTimespec(ns)}
	return again(func() error { return unix.UtimesNanoAt(d.fd(), name, ts, unix.AT_SYMLINK_NOFOLLOW) })
}

// SyncsFolders says that Dir.Sync makes names durable.
const SyncsFolders = true

// Sync makes the names in d durable. Some file systems cannot (EINVAL, ENOTSUP): that is ErrUnsupported.
func (d *Dir) Sync() error {
	err := SyncFile(d.f)
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return ErrUnsupported
	}
	return err
}

// StatFile describes an open file or folder.
func StatFile(f *os.File) (Info, error) { return statFd(int(f.Fd())) }

func openat(at int, name string, flags int, perm uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(at, name, flags, perm)
		return err
	})
	return fd, err
}

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return File
	case unix.S_IFDIR:
		return Folder
	case unix.S_IFLNK:
		return Link
	}
	return Special
}
