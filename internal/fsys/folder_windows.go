package fsys

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Dir is a folder, wherever it is by now. Its methods take single names, or a way below it that nobody else changes, and
// never follow a link at the last one.
//
// It is known by its number, and opened by that for each call: Windows renames no folder as long as anything below it is open.
// Where a volume cannot do that it stays open; only sources may be on such a one, see Volume.
type Dir struct {
	volume *anchor
	number uint64
	name   string
	held   windows.Handle // where it stays open
	file   *os.File       // what Handle has given away
	closed atomic.Bool
}

// anchor is an open folder of a volume, by which others of that volume are opened.
type anchor struct {
	handle  windows.Handle
	numbers bool // what has a number can be opened by it
	users   atomic.Int64
}

func (a *anchor) release() error {
	if a.users.Add(-1) > 0 {
		return nil
	}
	return posix(windows.CloseHandle(a.handle))
}

const (
	readFolder = windows.FILE_LIST_DIRECTORY | windows.FILE_TRAVERSE | windows.FILE_READ_ATTRIBUTES | windows.READ_CONTROL
	readOnly   = windows.FILE_ATTRIBUTE_READONLY
)

// OpenDir opens the folder at an operating system path, following links. It stays open until the last folder that was opened
// through it is closed.
func OpenDir(path string) (*Dir, error) {
	text, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, windows.ERROR_INVALID_NAME
	}
	a := &anchor{}
	err = again(func() error {
		a.handle, err = windows.CreateFile(text, readFolder, shareAll, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
		return posix(err)
	})
	if err != nil {
		return nil, err
	}
	a.numbers = numbered(a.handle)
	d, err := folderOf(a, a.handle, path)
	if err != nil {
		_ = windows.CloseHandle(a.handle)
	}
	return d, err
}

// numbered says that h is on NTFS. Elsewhere numbers are none to open by, or not unique.
func numbered(h windows.Handle) bool {
	name, err := volumeName(h)
	return err == nil && name == "ntfs"
}

// folderOf is the folder that is open as h, if it is one.
func folderOf(a *anchor, h windows.Handle, name string) (*Dir, error) {
	i, err := infoOf(h)
	switch {
	case err != nil:
		return nil, err
	case i.Kind == Link:
		return nil, syscall.ELOOP
	case i.Kind != Folder:
		return nil, syscall.ENOTDIR
	}
	d := &Dir{volume: a, number: i.ID.Ino, name: name}
	if !a.numbers {
		if d.held, err = ntOpen(h, ".", readFolder, windows.FILE_OPEN, windows.FILE_DIRECTORY_FILE, 0); err != nil {
			return nil, err
		}
	}
	a.users.Add(1)
	return d, nil
}

// Sub opens the folder name in d. A link at name is an error.
func (d *Dir) Sub(name string) (sub *Dir, err error) {
	err = d.withName(name, windows.FILE_READ_ATTRIBUTES, windows.FILE_DIRECTORY_FILE, func(h windows.Handle) error {
		sub, err = folderOf(d.volume, h, name)
		return err
	})
	return sub, err
}

// Close releases the folder. It is for one goroutine, and d for none after it.
func (d *Dir) Close() error {
	if d.closed.Swap(true) {
		return os.ErrClosed
	}
	if d.file != nil {
		_ = d.file.Close()
	}
	if d.held != 0 {
		_ = windows.CloseHandle(d.held)
	}
	return d.volume.release()
}

// Handle returns the folder as a file, which is open until Close; nil if that cannot be.
func (d *Dir) Handle() *os.File {
	if d.file == nil {
		if h, err := d.open(); err == nil {
			d.file = os.NewFile(uintptr(h), d.name)
		}
	}
	return d.file
}

// open opens the folder itself.
func (d *Dir) open() (windows.Handle, error) {
	if d.closed.Load() {
		return 0, os.ErrClosed
	}
	if d.held != 0 {
		return ntOpen(d.held, ".", readFolder, windows.FILE_OPEN, windows.FILE_DIRECTORY_FILE, 0)
	}
	number := d.number
	text := &windows.NTUnicodeString{Length: 8, MaximumLength: 8, Buffer: (*uint16)(unsafe.Pointer(&number))}
	h, err := ntCreate(d.volume.handle, text, readFolder, windows.FILE_OPEN, windows.FILE_OPEN_BY_FILE_ID|windows.FILE_DIRECTORY_FILE, 0)
	if err == windows.ERROR_INVALID_PARAMETER { // as NTFS says that there is none
		err = syscall.ENOENT
	}
	return h, err
}

// withFolder opens the folder for one call.
func (d *Dir) withFolder(use func(windows.Handle) error) error {
	h, err := d.open()
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return use(h)
}

// openName opens a name in d.
func (d *Dir) openName(name string, access, disposition, options, attributes uint32) (h windows.Handle, err error) {
	err = d.withFolder(func(at windows.Handle) error {
		h, err = ntOpen(at, name, access, disposition, options, attributes)
		return err
	})
	return h, err
}

// withName opens a name in d for one call on it.
func (d *Dir) withName(name string, access, options uint32, use func(windows.Handle) error) error {
	h, err := d.openName(name, access, windows.FILE_OPEN, options, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return use(h)
}
