package fsys

import (
	"path"
	"strings"
	"syscall"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What NtSetInformationFile takes, where package windows has no name for it, or the wrong number: 72 is
// FileLinkInformationEx (ntifs.h).
const (
	fileLinkInformation     = 11
	fileRenameInformationEx = 65
)

const fileAppendData = 0x4 // FILE_APPEND_DATA of winnt.h

// checkName refuses what is no single name in a folder: a way to another one, a stream of a file, a device, and what names
// a file by another name than its own: the short name that Windows makes for old programs, or one that Win32 would trim.
// The system calls below would take some of them.
func checkName(name string) error {
	switch {
	case name == "", name == "..", len(name) > 3*255, !utf8.ValidString(name):
		return windows.ERROR_INVALID_NAME
	case strings.ContainsAny(name, "\\/:*?\"<>|"), strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return windows.ERROR_INVALID_NAME
	case strings.HasSuffix(name, ".") && name != ".", strings.HasSuffix(name, " "), isDevice(name), isShort(name):
		return windows.ERROR_INVALID_NAME
	}
	return nil
}

// isDevice says that Win32 would open a device by this name, whatever its ending.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	stem, found := strings.CutPrefix(base, "COM")
	if !found {
		stem, found = strings.CutPrefix(base, "LPT")
	}
	return found && (len(stem) == 1 && stem[0] >= '0' && stem[0] <= '9' || stem == "¹" || stem == "²" || stem == "³")
}

// isShort says that a name has the form of a short one, "TXCOMM~1" say, which may be the second name of any file.
func isShort(name string) bool {
	base, ext, _ := strings.Cut(name, ".")
	if len(base) > 8 || len(ext) > 3 || strings.Contains(ext, ".") {
		return false
	}
	tilde := strings.LastIndexByte(base, '~')
	return tilde > 0 && tilde < len(base)-1 && strings.Trim(base[tilde+1:], "0123456789") == ""
}

// ntOpen opens one name in the folder at, or a few with slashes between them, or "." for the folder itself; a link is opened
// itself.
func ntOpen(at windows.Handle, name string, access, disposition, options, attributes uint32) (windows.Handle, error) {
	for one := range strings.SplitSeq(name, "/") {
		if err := checkName(one); err != nil {
			return 0, err
		}
	}
	if name == "." {
		name = ""
	}
	text, err := windows.NewNTUnicodeString(strings.ReplaceAll(name, "/", `\`))
	if err != nil {
		return 0, windows.ERROR_INVALID_NAME
	}
	return ntCreate(at, text, access, disposition, options, attributes)
}

const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

func ntCreate(at windows.Handle, name *windows.NTUnicodeString, access, disposition, options, attributes uint32) (windows.Handle, error) {
	oa := &windows.OBJECT_ATTRIBUTES{RootDirectory: at, ObjectName: name, Attributes: windows.OBJ_CASE_INSENSITIVE}
	oa.Length = uint32(unsafe.Sizeof(*oa))
	options |= windows.FILE_OPEN_REPARSE_POINT | windows.FILE_OPEN_FOR_BACKUP_INTENT | windows.FILE_SYNCHRONOUS_IO_NONALERT
	var h windows.Handle
	err := again(func() error {
		return posix(windows.NtCreateFile(&h, access|windows.SYNCHRONIZE, oa, &windows.IO_STATUS_BLOCK{}, nil, attributes, shareAll,
			disposition, options, 0, 0))
	})
	return h, err
}

// naming is FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION, with room for the longest name.
type naming struct {
	flags  uint32
	root   windows.Handle
	length uint32
	name   [256]uint16
}

// setName gives what is open as h a name in a folder.
func setName(h windows.Handle, to *Dir, name string, flags, class uint32) error {
	if folder, last := path.Split(name); folder != "" {
		sub, err := to.walk(path.Clean(folder))
		if err != nil {
			return err
		}
		defer sub.Close()
		to, name = sub, last
	}
	if err := checkName(name); err != nil {
		return err
	}
	text, err := windows.UTF16FromString(name)
	n := naming{flags: flags, length: uint32(2 * (len(text) - 1))}
	if err != nil || len(text) > len(n.name) {
		return windows.ERROR_INVALID_NAME
	}
	copy(n.name[:], text)
	return to.withFolder(func(at windows.Handle) error {
		n.root = at
		return posix(windows.NtSetInformationFile(h, &windows.IO_STATUS_BLOCK{}, (*byte)(unsafe.Pointer(&n)), uint32(unsafe.Sizeof(n)), class))
	})
}

// missing says that the system or the file system does not know a call, or a flag of it.
func missing(err error) bool {
	return err == windows.STATUS_INVALID_INFO_CLASS || err == windows.STATUS_INVALID_PARAMETER ||
		err == windows.STATUS_NOT_SUPPORTED || err == windows.STATUS_INVALID_DEVICE_REQUEST || err == windows.STATUS_NOT_IMPLEMENTED
}

// posix turns what a system call has said into the errno that the same has elsewhere. What has none stays as it is.
func posix(err error) error {
	var errno syscall.Errno
	switch e := err.(type) {
	case nil:
		return nil
	case windows.NTStatus:
		if e == windows.STATUS_DELETE_PENDING {
			return windows.ERROR_DELETE_PENDING // its Win32 error is "access denied"
		}
		if e == windows.STATUS_NOT_A_DIRECTORY {
			return syscall.ENOTDIR
		}
		if e == windows.STATUS_FILE_IS_A_DIRECTORY {
			return syscall.EISDIR
		}
		errno = e.Errno()
	case syscall.Errno:
		errno = e
	default:
		return err
	}
	if e, ok := errnos[errno]; ok {
		return e
	}
	return errno
}

var errnos = map[syscall.Errno]syscall.Errno{
	windows.ERROR_FILE_NOT_FOUND:            syscall.ENOENT,
	windows.ERROR_PATH_NOT_FOUND:            syscall.ENOENT,
	windows.ERROR_TOO_MANY_OPEN_FILES:       syscall.EMFILE,
	windows.ERROR_ACCESS_DENIED:             syscall.EACCES,
	windows.ERROR_NOT_SAME_DEVICE:           syscall.EXDEV,
	windows.ERROR_WRITE_PROTECT:             syscall.EROFS,
	windows.ERROR_HANDLE_DISK_FULL:          syscall.ENOSPC,
	windows.ERROR_DISK_FULL:                 syscall.ENOSPC,
	windows.ERROR_DISK_QUOTA_EXCEEDED:       syscall.EDQUOT,
	windows.ERROR_FILE_EXISTS:               syscall.EEXIST,
	windows.ERROR_ALREADY_EXISTS:            syscall.EEXIST,
	windows.ERROR_DIR_NOT_EMPTY:             syscall.ENOTEMPTY,
	windows.ERROR_DIRECTORY:                 syscall.ENOTDIR,
	windows.ERROR_FILENAME_EXCED_RANGE:      syscall.ENAMETOOLONG,
	windows.ERROR_TOO_MANY_LINKS:            syscall.EMLINK,
	windows.ERROR_STOPPED_ON_SYMLINK:        syscall.ELOOP,
	windows.ERROR_CANT_RESOLVE_FILENAME:     syscall.ELOOP,
	windows.ERROR_IO_DEVICE:                 syscall.EIO,
	windows.ERROR_CRC:                       syscall.EIO,
	windows.ERROR_DEVICE_HARDWARE_ERROR:     syscall.EIO,
	windows.ERROR_CALL_NOT_IMPLEMENTED:      syscall.ENOSYS,
	windows.ERROR_NOT_SUPPORTED:             syscall.ENOTSUP,
	windows.ERROR_PRIVILEGE_NOT_HELD:        syscall.EPERM,
	windows.ERROR_REPARSE_POINT_ENCOUNTERED: syscall.ELOOP,
}
