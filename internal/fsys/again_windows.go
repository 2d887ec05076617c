package fsys

import (
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// longestPause bounds the patience of again: it makes ten tries, and waits half a second in all. What looks for viruses or
// builds an index opens files that have just been written, and keeps others out for some 100 ms.
const longestPause = 256 * time.Millisecond

// passing says that an error may be gone soon.
func passing(err error) bool {
	switch bare(err) {
	case windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_USER_MAPPED_FILE,
		windows.ERROR_DELETE_PENDING, windows.ERROR_BUSY, syscall.EMFILE:
		return true
	}
	_, ok := err.(inUse)
	return ok
}

// inUse is an EACCES that may be gone soon.
type inUse struct{ error }

// unused is again for a rename or a deletion: where somebody has the file, or something in the folder, open and does not share
// it, that is told as access denied.
func unused(call func() error) error {
	err := again(func() error {
		err := call()
		if err == syscall.EACCES {
			err = inUse{err}
		}
		return err
	})
	if e, ok := err.(inUse); ok {
		return e.error
	}
	return err
}
