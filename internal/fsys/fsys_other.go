//go:build !linux

package fsys

import "os"

// Beneath opens the folder at the slash-separated path rel, in which no component may be a link.
func (d *Dir) Beneath(rel string) (*Dir, error) { return d.walk(rel) }

// StatBeneath describes what is at the path rel, in which no component may be a link.
func (d *Dir) StatBeneath(rel string) (Info, error) {
	sub, err := d.walk(rel)
	if err != nil {
		return Info{}, err
	}
	defer sub.Close()
	return sub.Self()
}

// OpenBeneath opens the file at the slash-separated path rel for reading; no component may be a link.
func (d *Dir) OpenBeneath(rel string) (*os.File, error) { return d.walkFile(rel) }

// SyncFS is missing here: ErrUnsupported.
func (d *Dir) SyncFS() error { return ErrUnsupported }

// OpenForWriting is not known here.
func OpenForWriting(*os.File) bool { return false }

// StartWrite does nothing here.
func StartWrite(*os.File) {}

// WaitWrite does nothing here.
func WaitWrite(*os.File) error { return nil }

// Allocate is missing here: ErrUnsupported.
func Allocate(*os.File, int64) error { return ErrUnsupported }

// DirtyBytes is unknown here.
func DirtyBytes() int64 { return 0 }

// BootID is unknown here.
func BootID() string { return "" }
