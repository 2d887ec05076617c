package journal

import (
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"
)

// toldPath is what the journal is called in errors, whatever name it has while it is made.
const toldPath = StateFolder + "/journal.db"

// told makes what the system refused while the journal was written an *fs.PathError with an errno. bbolt keeps no more
// than the text of some errors (of the truncate and fsync when the file grows, as of v1.5).
func told(err error) error {
	if err == nil || errors.Is(err, ErrJournal) {
		return err
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = saidErrno(err.Error())
	}
	if errno == 0 {
		return err
	}
	return &fs.PathError{Op: "write", Path: toldPath, Err: errno}
}

// saidErrno finds the errno whose text ends a message; 0 if there is none.
func saidErrno(message string) syscall.Errno {
	const highest = 133 // of Linux; others have less
	for n := syscall.Errno(1); n <= highest; n++ {
		if strings.HasSuffix(message, ": "+n.Error()) {
			return n
		}
	}
	return 0
}
