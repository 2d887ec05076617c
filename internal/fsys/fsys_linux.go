package fsys

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	utimeOmit   = unix.UTIME_OMIT
	statMask    = unix.STATX_BASIC_STATS | unix.STATX_BTIME | unix.STATX_MNT_ID_UNIQUE
	statxNoSync = unix.AT_STATX_DONT_SYNC
)

func statAt(fd int, name string) (Info, error) {
	return statx(fd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT|statxNoSync)
}

func statFd(fd int) (Info, error) { return statx(fd, "", unix.AT_EMPTY_PATH|statxNoSync) }

func statx(fd int, name string, flags int) (Info, error) {
	var st unix.Statx_t
	err := again(func() error { return unix.Statx(fd, name, flags, statMask, &st) })
	if err == nil && st.Mask&unix.STATX_BTIME == 0 {
		// FUSE keeps no birth time until somebody asks the server for it: an inode's identity must not depend on who has.
		err = again(func() error { return unix.Statx(fd, name, flags&^statxNoSync, statMask, &st) })
	}
	if err != nil {
		return Info{}, err
	}
	id := ID{Ino: st.Ino, Born: nanoseconds(st.Btime)}
	if agesAnew(fd, name, st.Mnt_id) {
		id.Born = 0
	}
	return Info{
		ID:        id,
		Kind:      kindOf(uint32(st.Mode)),
		Mode:      uint32(st.Mode) & 0o7777,
		UID:       st.Uid,
		GID:       st.Gid,
		Nlink:     st.Nlink,
		Size:      int64(st.Size),
		Mtime:     nanoseconds(st.Mtime),
		Ctime:     nanoseconds(st.Ctime),
		Dev:       unix.Mkdev(st.Dev_major, st.Dev_minor),
		Mount:     st.Mnt_id,
		Immutable: st.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0,
		MountRoot: st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
		Encrypted: st.Attributes&unix.STATX_ATTR_ENCRYPTED != 0,
	}, nil
}

// renewing are the mounts on which an inode's birth time changes, by their ids.
var renewing sync.Map

// agesAnew says that what is on a mount is born again when it is first changed: an overlay copies it up from a lower
// layer, keeps its number and shows the birth time of the copy (measured on Linux 6.18).
func agesAnew(fd int, name string, mount uint64) bool {
	if known, ok := renewing.Load(mount); ok {
		return known.(bool)
	}
	if name != "" {
		at, err := openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return false // it is gone by now; the next one will tell
		}
		defer unix.Close(at)
		fd = at
	}
	var st unix.Statfs_t
	if again(func() error { return unix.Fstatfs(fd, &st) }) != nil {
		return false
	}
	is := st.Type == unix.OVERLAYFS_SUPER_MAGIC
	if mount != 0 { // the kernel has told which mount it is
		renewing.Store(mount, is)
	}
	return is
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

// Beneath opens the folder at the slash-separated path rel, in which no component may be a link.
func (d *Dir) Beneath(rel string) (*Dir, error) {
	how := &unix.OpenHow{Flags: folderFlags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat2(d.fd(), rel, how)
		return err
	})
	if err == unix.ENOSYS || err == unix.ENAMETOOLONG { // a path may be longer than the kernel takes at once
		return d.walk(rel)
	}
	if err != nil {
		return nil, err
	}
	return &Dir{os.NewFile(uintptr(fd), rel)}, nil
}

// StatBeneath describes what is at the path rel. It may be led astray by a link: compare the ID with a known one.
func (d *Dir) StatBeneath(rel string) (Info, error) {
	if rel == "." {
		return d.Self()
	}
	return d.Stat(rel)
}

// RenameNoReplace is Rename that fails with EEXIST where something is at toName.
func (d *Dir) RenameNoReplace(name string, to *Dir, toName string) error {
	err := d.renameat2(name, to, toName, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return d.renameSlowly(name, to, toName)
	}
	return err
}

// Exchange swaps two names at once; both must exist. ErrUnsupported where the file system cannot.
func (d *Dir) Exchange(name string, to *Dir, toName string) error {
	err := d.renameat2(name, to, toName, unix.RENAME_EXCHANGE)
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.ENOTSUP {
		return ErrUnsupported
	}
	return err
}

func (d *Dir) renameat2(name string, to *Dir, toName string, flags uint) error {
	return again(func() error { return unix.Renameat2(d.fd(), name, to.fd(), toName, flags) })
}

// Chmod sets the mode of name if it still is the inode id; ESTALE otherwise. A link's mode cannot be set.
func (d *Dir) Chmod(name string, id ID, mode uint32) error {
	fd, err := openat(d.fd(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	i, err := statFd(fd)
	switch {
	case err != nil:
		return err
	case i.ID != id:
		return unix.ESTALE
	case i.Kind == Link:
		return unix.ELOOP
	}
	// The handle cannot be used with fchmod; /proc leads to exactly its inode.
	return again(func() error { return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode) })
}

// SyncFile makes the content and the size of an open file durable. It is never repeated, which package os does after a
// signal.
//
// XFS that has given up (an error of its journal, or a shutdown) has thrown away what it did not have on disk, and all the
// same says of a folder that it is synced (xfs_dir_fsync, Linux 6.18). A stat fails then, and for good.
func SyncFile(f *os.File) error {
	if err := unix.Fsync(int(f.Fd())); err != nil {
		return err
	}
	_, err := StatFile(f)
	return err
}

// SyncFS makes all of the file system of d durable. Errors are those since d was opened.
func (d *Dir) SyncFS() error { return unix.Syncfs(d.fd()) }

// StartWrite begins to write the content of f back, so that a later SyncFS has little left to do. It promises nothing.
func StartWrite(f *os.File) { _ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE) }

// WaitWrite waits until what StartWrite began has reached the device (not its platter: that is what a sync does).
func WaitWrite(f *os.File) error {
	return unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

// OpenForWriting says that somebody has f open for writing: there is no read lease to be had of it then.
func OpenForWriting(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}

// Allocate gives f real space up to size, so that a full disk cannot stop later writes there.
func Allocate(f *os.File, size int64) error {
	return again(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
}

// DirtyBytes returns how much data of the whole system waits to be written back; 0 where unknown. Each commit asks twice:
// package os would take three times as long to read the file.
func DirtyBytes() int64 {
	fd, err := openat(unix.AT_FDCWD, "/proc/meminfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var b [4096]byte // all of it
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(b[:n], []byte("\nDirty:"))
	line, _, _ := bytes.Cut(after, []byte(" kB"))
	kb, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kb << 10
}

// BootID names this boot of the system; empty where unknown.
var BootID = sync.OnceValue(func() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
})

// OpenBeneath opens the file at the slash-separated path rel for reading; no component may be a link.
func (d *Dir) OpenBeneath(rel string) (*os.File, error) {
	fd, err := d.openBeneath(rel)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), rel), nil
}

func (d *Dir) openBeneath(rel string) (fd int, err error) {
	how := &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	err = again(func() error {
		fd, err = unix.Openat2(d.fd(), rel, how)
		return err
	})
	if err != unix.ENOSYS && err != unix.ENAMETOOLONG {
		return fd, err
	}
	f, err := d.walkFile(rel)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}
