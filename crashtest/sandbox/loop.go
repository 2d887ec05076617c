//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for the kernel.
const patience = 20 * time.Second

// A Device is a loop device. It goes by itself when it is neither open nor mounted any more.
type Device struct {
	Path string // such as /dev/loop3
	file *os.File
}

// Attach puts a loop device over an image. With direct, what is written to it reaches the image without a page cache
// in between, and several requests at a time.
func Attach(image string, direct bool) (*Device, error) {
	back, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer back.Close()
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer ctl.Close()
	cfg := unix.LoopConfig{Fd: uint32(back.Fd())}
	cfg.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if direct {
		cfg.Info.Flags |= unix.LO_FLAGS_DIRECT_IO
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		d, err := tryAttach(ctl, &cfg)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return d, err
		}
	}
}

// tryAttach takes the next free device. Another process may be faster: EBUSY.
func tryAttach(ctl *os.File, cfg *unix.LoopConfig) (*Device, error) {
	n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, os.NewSyscallError("LOOP_CTL_GET_FREE", err)
	}
	path := fmt.Sprintf("/dev/loop%d", n)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.LOOP_CONFIGURE, uintptr(unsafe.Pointer(cfg)))
	if errno != 0 {
		_ = f.Close()
		return nil, os.NewSyscallError("LOOP_CONFIGURE", errno)
	}
	return &Device{path, f}, nil
}

// Close lets the device go, as soon as it is not mounted any more.
func (d *Device) Close() error { return d.file.Close() }

// A Mount is a mounted file system.
type Mount struct {
	Dir string
}

// MountAt mounts what source is at dir, which it makes.
func MountAt(source, dir, fsType, options string) (*Mount, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount(source, dir, fsType, 0, options); err != nil {
		return nil, &os.PathError{Op: "mount " + fsType, Path: source, Err: err}
	}
	return &Mount{dir}, nil
}

// Close unmounts. A device can be busy for a moment after its last user is gone.
func (m *Mount) Close() error {
	if m == nil || m.Dir == "" {
		return nil
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := unix.Unmount(m.Dir, 0)
		if errors.Is(err, unix.EBUSY) && time.Now().Before(end) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "umount", Path: m.Dir, Err: err}
		}
		m.Dir = ""
		return nil
	}
}
