package txn

import (
	"os"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
)

// linkSource stages the file that a tree op moves as a second link to it, where that is as good as a copy.
func (s *stage) linkSource(sc *scan, w *want, st *staged) (bool, error) {
	c := w.source
	if c == nil {
		return false, nil
	}
	in, at := s.where(st.at())
	if c.exact {
		err := c.dir.Link(c.rel, in, at)
		if err != nil {
			return false, errors.Wrap(err, "what was replaced cannot be linked back")
		}
		st.linked = true
		return true, s.finish(w, st)
	}
	if !c.link || w.heritage() != nil && w.heritage().DefaultACL != nil || !w.sameOwner(c.info) {
		return false, nil
	}
	attrs, err := c.dir.Xattrs(c.rel)
	if err != nil || len(attrs) > 0 {
		return false, err
	}
	if w.info.Kind == fsys.File {
		if attrs, err = sc.attributes(w); err != nil || len(attrs) > 0 {
			return false, err
		}
	}
	if err := c.dir.Link(c.rel, in, at); err != nil {
		return false, nil // another file system, or not permitted: a copy will do
	}
	st.linked = true
	err = s.finish(w, st)
	s.bytes.Add(st.size)
	return true, err
}

// sameOwner says that a source has the owner and mode that the file shall have.
func (w *want) sameOwner(source fsys.Info) bool {
	bits, _ := w.mode.Bits()
	if bits != source.Mode {
		return false
	}
	if w.info.Kind == fsys.File {
		return source.UID == w.info.UID && source.GID == w.info.GID
	}
	h := w.heritage()
	return source.UID == uint32(os.Geteuid()) && (h == nil && source.GID == uint32(os.Getegid()) ||
		h != nil && (h.Group && source.GID == h.GID || !h.Group && source.GID == uint32(os.Getegid())))
}
