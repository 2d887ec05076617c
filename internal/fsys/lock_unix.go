//go:build unix

package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

// TryLock takes an flock on f without waiting and says whether it got it. The lock belongs to the open file: it ends
// with the last descriptor of it, also when the process is killed.
func TryLock(f *os.File, exclusive bool) (bool, error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := uninterrupted(func() error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

// Handle returns the folder as a file, for TryLock.
func (d *Dir) Handle() *os.File { return d.f }
