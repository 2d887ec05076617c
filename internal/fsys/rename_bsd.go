//go:build unix && !linux && !darwin

package fsys

const unixUtimeOmit = -2 // UTIME_OMIT of sys/stat.h

// RenameNoReplace is Rename that fails with EEXIST where something is at toName.
func (d *Dir) RenameNoReplace(name string, to *Dir, toName string) error {
	return d.renameSlowly(name, to, toName)
}

// Exchange is missing here: ErrUnsupported.
func (d *Dir) Exchange(string, *Dir, string) error { return ErrUnsupported }
