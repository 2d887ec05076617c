package txn

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// entries lists a folder of the overlay, by name: what the base has there but for what ends, and what wants make.
func (o *overlay) entries(f found) ([]fs.DirEntry, error) {
	byName := map[string]fs.FileInfo{}
	if f.base != "" {
		old, err := o.base.ReadDir(f.base)
		if err != nil {
			return nil, err
		}
		for _, e := range old {
			if err := o.entry(byName, path.Join(f.name, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	for _, w := range o.below[f.name] {
		if err := o.entry(byName, w.path()); err != nil {
			return nil, err
		}
	}
	out := make([]fs.DirEntry, 0, len(byName))
	for _, i := range byName {
		out = append(out, fs.FileInfoToDirEntry(i))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

func (o *overlay) entry(byName map[string]fs.FileInfo, name string) error {
	f, err := o.locate(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	byName[path.Base(name)] = f.info
	return nil
}

// named is a description under another name.
type named struct {
	fs.FileInfo
	name string
}

// Name is the base name.
func (n named) Name() string { return n.name }

// madeInfo describes what a transaction makes.
type madeInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

// Name is the base name.
func (i madeInfo) Name() string { return i.name }

// Size is the length in bytes.
func (i madeInfo) Size() int64 { return i.size }

// Mode is the kind and the permissions.
func (i madeInfo) Mode() fs.FileMode { return i.mode }

// ModTime is the time of the last change; for what is not written yet, the time of the look.
func (i madeInfo) ModTime() time.Time { return i.modified }

// IsDir says whether it is a folder.
func (i madeInfo) IsDir() bool { return i.mode.IsDir() }

// Sys is nil: there is nothing below.
func (i madeInfo) Sys() any { return nil }

// openFolder is an open folder of the overlay.
type openFolder struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

// Stat describes the folder.
func (d *openFolder) Stat() (fs.FileInfo, error) { return d.info, nil }

// Read is an error: a folder has no content.
func (d *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: syscall.EISDIR}
}

// Close does nothing.
func (d *openFolder) Close() error { return nil }

// ReadDir lists the next n entries, as fs.ReadDirFile says.
func (d *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	out := d.entries[:n:n]
	d.entries = d.entries[n:]
	return out, nil
}
