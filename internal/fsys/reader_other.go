//go:build !linux

package fsys

import "os"

// Reader is a file that is only read.
type Reader struct{ f *os.File }

// ReadBeneath opens the file at the slash-separated path rel; no component may be a link.
func (d *Dir) ReadBeneath(rel string) (*Reader, error) {
	f, err := d.OpenBeneath(rel)
	if err != nil {
		return nil, err
	}
	return &Reader{f}, nil
}

// Read is as io.Reader has it.
func (r *Reader) Read(p []byte) (int, error) { return r.f.Read(p) }

// Xattrs returns the file's extended attributes. Nothing can be read after it.
func (r *Reader) Xattrs() ([]Xattr, error) { return FileXattrs(r.f) }

// Close releases the file.
func (r *Reader) Close() error { return r.f.Close() }
