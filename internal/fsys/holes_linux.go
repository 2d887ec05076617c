package fsys

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// NextData finds the first part of a file at or after at that is no hole. From == to says that only a hole is left; so
// does a file that has become shorter. It moves the file's offset to from. ErrUnsupported: holes are not told here.
func NextData(f *os.File, at int64) (from, to int64, err error) {
	fd := int(f.Fd())
	if from, err = unix.Seek(fd, at, unix.SEEK_DATA); err == unix.ENXIO {
		return at, at, nil
	}
	if err == nil {
		to, err = unix.Seek(fd, from, unix.SEEK_HOLE)
	}
	if err == unix.EINVAL || err == unix.EOPNOTSUPP {
		return 0, 0, ErrUnsupported
	}
	if err == nil {
		_, err = f.Seek(from, io.SeekStart)
	}
	return from, to, err
}
