package fsys

import (
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// longestPause bounds the patience of again: it makes ten tries, and waits half a second in all. What looks for viruses or
// builds an index opens files that have just been written, and keeps others out for some 100 ms.
const longestPause = 256 * time.Millisecond

// passing says that an error may be gone soon. To rename over a file, or to delete one, that somebody has open and does not
// share is told as access denied.
func passing(err error) bool {
	switch bare(err) {
	case windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_USER_MAPPED_FILE,
		windows.ERROR_DELETE_PENDING, windows.ERROR_BUSY, syscall.EMFILE, syscall.EACCES:
		return true
	}
	return false
}
