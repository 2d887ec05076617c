package memfs

import (
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// Mount is a mounted FS.
type Mount struct {
	*FS
	Dir    string
	server *fuse.Server
}

// New mounts an empty FS at dir, which is made. Programs that use it must be other processes than this one, as soon as
// they map files. The kernel may keep names and attributes for so long; beyond one process that uses a tree it should
// not, since it does not know when the time of a file has changed.
func New(dir string, cache time.Duration) (*Mount, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	m := &Mount{FS: newFS(), Dir: dir}
	m.cache = cache
	var err error
	m.server, err = sandbox.NewServer(m.FS, dir, &fuse.MountOptions{
		FsName: "txcommit-lab", Name: "memfs", MaxWrite: 1 << 20,
		DisableReadDirPlus: true, ExplicitDataCacheControl: true,
	})
	if err != nil {
		return nil, err
	}
	go m.server.Serve()
	if err := m.server.WaitMount(); err != nil {
		return nil, err
	}
	return m, nil
}

// patience bounds the wait for the last user of a mount to be gone.
const patience = 10 * time.Second

// Close unmounts. What cannot be unmounted in time is detached, which makes its users fail instead of hang.
func (m *Mount) Close() error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err = m.server.Unmount(); err == nil {
			return os.Remove(m.Dir)
		}
	}
	_ = unix.Unmount(m.Dir, unix.MNT_FORCE|unix.MNT_DETACH)
	return err
}
