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

// File gives the file to package os, which closes it then.
func (r *Reader) File() *os.File {
	f := r.f
	r.f = nil
	return f
}

// Close releases the file, unless File has given it away.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}
