//go:build linux

package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// NewServer mounts a file system of this process at dir. No other process gets the device that it is served through: one
// that waits for an answer, and holds it open, would keep the connection alive after the death of its server, and wait
// for ever.
func NewServer(fs fuse.RawFileSystem, dir string, o *fuse.MountOptions) (*fuse.Server, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	o.DirectMountStrict = true // the other way of mounting forks, and would wait for the lock
	server, err := fuse.NewServer(fs, dir, o)
	if err != nil {
		return nil, err
	}
	const fds = "/proc/self/fd"
	names, err := os.ReadDir(fds)
	for _, n := range names {
		if to, err := os.Readlink(filepath.Join(fds, n.Name())); err == nil && to == "/dev/fuse" {
			if fd, err := strconv.Atoi(n.Name()); err == nil {
				syscall.CloseOnExec(fd)
			}
		}
	}
	return server, err
}
