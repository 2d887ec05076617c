//go:build !linux

package fsys

// CopySpecial is missing here: ErrUnsupported.
func (*Dir) CopySpecial(string, *Dir, string) error { return ErrUnsupported }
