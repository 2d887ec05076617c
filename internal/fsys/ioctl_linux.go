package fsys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func ioctl[T any](fd int, request uintptr, arg *T) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(arg)))
	if errno != 0 {
		return errno
	}
	return nil
}
