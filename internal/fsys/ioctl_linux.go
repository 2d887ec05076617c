package fsys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func ioctlBytes(fd int, request uintptr, b *[fsxattrLength]byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(b)))
	if errno != 0 {
		return errno
	}
	return nil
}
