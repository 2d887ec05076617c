//go:build unix

package fsys

import (
	"time"

	"golang.org/x/sys/unix"
)

// longestPause bounds the patience of again: it makes six tries, and waits 31 ms in all.
const longestPause = 16 * time.Millisecond

// passing says that an error may be gone soon.
func passing(err error) bool {
	switch bare(err) {
	case unix.EAGAIN, unix.EMFILE, unix.ENFILE, unix.EBUSY, unix.ETXTBSY:
		return true
	}
	return false
}
