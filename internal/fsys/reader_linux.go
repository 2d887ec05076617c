package fsys

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Reader is a file that is only read, and by one goroutine. Package os asks the kernel two more things of each file that it
// is given, in case it is a pipe; to publish an unchanged tree, an eighth of the processor's time goes into that.
type Reader struct{ fd int }

// ReadBeneath opens the file at the slash-separated path rel; no component may be a link.
func (d *Dir) ReadBeneath(rel string) (*Reader, error) {
	fd, err := d.openBeneath(rel)
	if err != nil {
		return nil, err
	}
	return &Reader{fd}, nil
}

// Read is as io.Reader has it.
func (r *Reader) Read(p []byte) (n int, err error) {
	err = uninterrupted(func() error {
		n, err = unix.Read(r.fd, p)
		return err
	})
	if err != nil {
		return 0, err
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Xattrs returns the file's extended attributes. Nothing can be read after it.
func (r *Reader) Xattrs() ([]Xattr, error) {
	if n, err := unix.Flistxattr(r.fd, nil); n == 0 && err == nil {
		return nil, nil // as nearly always
	}
	f := os.NewFile(uintptr(r.fd), "")
	r.fd = -1
	defer f.Close()
	return FileXattrs(f)
}

// Close releases the file.
func (r *Reader) Close() error {
	if r.fd < 0 {
		return nil
	}
	fd := r.fd
	r.fd = -1
	return unix.Close(fd)
}
