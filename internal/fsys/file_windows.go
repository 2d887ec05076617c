package fsys

import (
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// basicInfo is FILE_BASIC_INFO. A time or attributes that are zero are left as they are when it is set.
type basicInfo struct {
	created, accessed, written, changed windows.Filetime
	attributes                          uint32
	_                                   uint32
}

// infoOf describes what is open as h.
//
// Its birth time is no part of its identity: who makes a file where another one has just been removed gets that one's
// (tunneling). The number of an NTFS file counts how often it was given, so that it does without.
func infoOf(h windows.Handle) (Info, error) {
	var by windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &by); err != nil {
		return Info{}, posix(err)
	}
	var basic basicInfo
	if err := windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic))); err != nil {
		return Info{}, posix(err)
	}
	i := Info{
		ID:    ID{Ino: uint64(by.FileIndexHigh)<<32 | uint64(by.FileIndexLow)},
		UID:   nobody,
		GID:   nobody,
		Nlink: by.NumberOfLinks,
		Size:  int64(by.FileSizeHigh)<<32 | int64(by.FileSizeLow),
		Mtime: by.LastWriteTime.Nanoseconds(),
		Ctime: basic.changed.Nanoseconds(),
		Dev:   uint64(by.VolumeSerialNumber),
	}
	switch a := by.FileAttributes; {
	case a&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0:
		i.Kind, i.Mode = reparseKind(h), 0o777
	case a&windows.FILE_ATTRIBUTE_DIRECTORY != 0:
		i.Kind, i.Mode, i.Size = Folder, KeptMode(0o777, true), 0
	case a&readOnly != 0:
		i.Kind, i.Mode = File, KeptMode(0, false)
	default:
		i.Kind, i.Mode = File, KeptMode(0o666, false)
	}
	return i, nil
}

// nobody is what os.Geteuid and os.Getegid say here: all files are ours, as far as numbers tell.
const nobody = ^uint32(0)

// reparseKind tells what leads elsewhere (symbolic links, junctions, mounted volumes) from what only looks like a file:
// files in a cloud, or deduplicated ones, which no look at them may change.
func reparseKind(h windows.Handle) Kind {
	var tag struct{ attributes, tag uint32 } // FILE_ATTRIBUTE_TAG_INFO
	err := windows.GetFileInformationByHandleEx(h, windows.FileAttributeTagInfo, (*byte)(unsafe.Pointer(&tag)), uint32(unsafe.Sizeof(tag)))
	const nameSurrogate = 0x20000000 // IsReparseTagNameSurrogate of winnt.h
	if err != nil || tag.tag&nameSurrogate != 0 {
		return Link
	}
	return Special
}

// KeptMode is what the system keeps of a mode: of a file, whether it may be written; of a folder nothing.
func KeptMode(mode uint32, folder bool) uint32 {
	switch {
	case folder:
		return 0o755
	case mode&0o200 == 0:
		return 0o444
	}
	return 0o644
}

// StatFile describes an open file or folder.
func StatFile(f *os.File) (Info, error) { return infoOf(windows.Handle(f.Fd())) }

// setInfo is NtSetInformationFile.
func setInfo[T any](h windows.Handle, class uint32, value T) error {
	return windows.NtSetInformationFile(h, &windows.IO_STATUS_BLOCK{}, (*byte)(unsafe.Pointer(&value)), uint32(unsafe.Sizeof(value)), class)
}

// chmod makes what is open as h read-only or not.
func chmod(h windows.Handle, i Info, mode uint32) error {
	if i.Kind != File || KeptMode(mode, false) == i.Mode {
		return nil
	}
	return setReadOnly(h, mode&0o200 == 0)
}

func setReadOnly(h windows.Handle, yes bool) error {
	var by windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &by); err != nil {
		return posix(err)
	}
	b := basicInfo{attributes: by.FileAttributes &^ readOnly}
	if yes {
		b.attributes |= readOnly
	}
	if b.attributes == 0 {
		b.attributes = windows.FILE_ATTRIBUTE_NORMAL
	}
	return again(func() error { return posix(setInfo(h, windows.FileBasicInformation, b)) })
}

// ChmodFile makes an open file read-only or not.
func ChmodFile(f *os.File, mode uint32) error {
	i, err := StatFile(f)
	if err != nil {
		return err
	}
	return reopened(f, windows.FILE_READ_ATTRIBUTES|windows.FILE_WRITE_ATTRIBUTES, func(h windows.Handle) error {
		return chmod(h, i, mode)
	})
}

// Written says that nothing more is written to f: its time is settled. By itself Windows settles it when the handle that has
// written is closed, after others have looked at the file, but not a time that was set through that handle.
func Written(f *os.File) error {
	t := windows.NsecToFiletime(time.Now().UnixNano())
	return posix(windows.SetFileTime(windows.Handle(f.Fd()), nil, nil, &t))
}

// reopened opens a file a second time, for one call.
func reopened(f *os.File, access uint32, use func(windows.Handle) error) error {
	h, err := ntOpen(windows.Handle(f.Fd()), ".", access, windows.FILE_OPEN, 0, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return use(h)
}

// ChownFile does nothing here: what is made inherits who may use it.
func ChownFile(*os.File, uint32, uint32) error { return nil }

// Inherit does nothing here: the system sees to it.
func Inherit(*os.File, Heritage, uint32, bool) error { return nil }

// SyncFile makes the content and the size of an open file durable. It takes a handle that may write; of a read-only file one
// is had by making it writable for a moment.
func SyncFile(f *os.File) error {
	err := windows.FlushFileBuffers(windows.Handle(f.Fd()))
	if err != windows.ERROR_ACCESS_DENIED {
		return posix(err)
	}
	flush := func(h windows.Handle) error { return posix(windows.FlushFileBuffers(h)) }
	err = reopened(f, windows.FILE_WRITE_DATA|fileAppendData, flush)
	if err != syscall.EACCES {
		return err
	}
	if err := ChmodFile(f, 0o644); err != nil {
		return err
	}
	err = reopened(f, windows.FILE_WRITE_DATA|fileAppendData, flush)
	if cerr := ChmodFile(f, 0o444); err == nil {
		err = cerr
	}
	return err
}

// TryLock takes a lock on f without waiting and says whether it got it. The lock belongs to the open file, and ends with it,
// also when the process is killed. It is on a byte that no file has, because what is locked cannot be read by others. A
// folder cannot be locked here: nobody keeps anybody out.
func TryLock(f *os.File, exclusive bool) (bool, error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	at := &windows.Overlapped{OffsetHigh: 0x7ffffffe}
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at); err {
	case nil:
		return true, nil
	case windows.ERROR_LOCK_VIOLATION, windows.ERROR_IO_PENDING:
		return false, nil
	default:
		if i, serr := StatFile(f); serr == nil && i.Kind == Folder {
			return true, nil
		}
		return false, posix(err)
	}
}

// Volume describes the file system that d is on.
func (d *Dir) Volume() (Volume, error) {
	name, err := volumeName(d.volume.handle)
	if err != nil {
		return Volume{}, err
	}
	v := Volume{
		Name: name, FsyncEach: true,
		Unsafe: "txcommit was never run on Windows itself, only under Wine, and nothing there makes names durable",
	}
	if !d.volume.numbers || d.remote() {
		v.Unusable = "on Windows only NTFS, on a disk of the same machine, has files with numbers that last"
	}
	return v, nil
}

// volumeName returns the type of a file system, in small letters.
func volumeName(h windows.Handle) (string, error) {
	var name [windows.MAX_PATH + 1]uint16
	err := windows.GetVolumeInformationByHandle(h, nil, 0, nil, nil, nil, &name[0], uint32(len(name)))
	return strings.ToLower(windows.UTF16ToString(name[:])), posix(err)
}

// remote says that d is on another machine.
func (d *Dir) remote() bool {
	var path [windows.MAX_LONG_PATH]uint16
	n, err := windows.GetFinalPathNameByHandle(d.volume.handle, &path[0], uint32(len(path)), 0)
	return err == nil && int(n) < len(path) && strings.HasPrefix(windows.UTF16ToString(path[:n]), `\\?\UNC\`)
}

// Xattr is one extended attribute. There are none here.
type Xattr struct {
	Name  string
	Value []byte
}

// Xattrs are not read here: none.
func (*Dir) Xattrs(string) ([]Xattr, error) { return nil, nil }

// FileXattrs are not read here: none.
func FileXattrs(*os.File) ([]Xattr, error) { return nil, nil }

// SetXattr is missing here: ErrUnsupported.
func SetXattr(*os.File, Xattr) error { return ErrUnsupported }
