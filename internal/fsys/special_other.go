//go:build !linux

package fsys

// ProjectOf is not known here.
func (*Dir) ProjectOf(string) (id uint32, known bool) { return 0, false }

// CopySpecial is missing here: ErrUnsupported.
func (*Dir) CopySpecial(string, *Dir, string) error { return ErrUnsupported }
