package txn

import (
	"io/fs"
	"os"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
)

// dress gives the staged file at at, which i describes, the owner, attributes, mode and time that it will have in the tree, and
// says whether it was without one of them.
func (s *stage) dress(sc *scan, w *want, f *os.File, at string, i fsys.Info) (changed bool, err error) {
	if w.replacesFile() {
		changed, err = keepAttributes(sc, w, f, i)
	} else if h := w.heritage(); h != nil && (h.Group && h.GID != i.GID || h.DefaultACL != nil) {
		changed = true
		err = inherit(f, w, false)
	}
	if err != nil {
		return changed, err
	}
	if bits, ok := w.mode.Bits(); ok && (changed || bits != i.Mode) && !(w.replacesFile() && bits == w.info.Mode) {
		changed = true
		if err := fsys.ChmodFile(f, bits); err != nil {
			return changed, err
		}
	}
	if w.mtime != 0 {
		in, at := s.where(at)
		return true, in.SetMtime(at, w.mtime)
	}
	return changed, nil
}

// inherit gives a staged file or folder what its target folder hands down.
func inherit(f *os.File, w *want, folder bool) error {
	h := w.heritage()
	err := fsys.Inherit(f, *h, w.perm, folder)
	if errors.Is(err, fs.ErrPermission) && h.Group {
		err = errors.Wrapf(err, "the group %d of its directory, which is handed down, cannot be given", h.GID)
	}
	return err
}

// keepAttributes gives a staged file, which is i, what the file that it replaces has: owner, extended attributes and
// ACL, and, last because a change of owner takes setuid away, the mode. It says whether it had to.
func keepAttributes(sc *scan, w *want, f *os.File, i fsys.Info) (changed bool, err error) {
	attrs, err := sc.attributes(w)
	if err != nil {
		return false, err
	}
	if i.Mode == w.info.Mode && i.UID == w.info.UID && i.GID == w.info.GID && len(attrs) == 0 {
		return false, nil
	}
	if i.UID != w.info.UID || i.GID != w.info.GID {
		if err := fsys.ChownFile(f, w.info.UID, w.info.GID); err != nil {
			return true, errors.Wrapf(err, "its owner %d:%d cannot be kept", w.info.UID, w.info.GID)
		}
	}
	for _, x := range attrs {
		if err := fsys.SetXattr(f, x); err != nil {
			return true, errors.Wrapf(err, "its attribute %s cannot be kept", x.Name)
		}
	}
	return true, fsys.ChmodFile(f, w.info.Mode)
}
