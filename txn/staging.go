package txn

import (
	"context"
	"io/fs"
	"os"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
)

// stageAll stages the new content of all wants, as many files at once as there are jobs. What is staged already, and
// still right, stays. Links to files that are renamed are made under the lock only.
func (s *stage) stageAll(ctx context.Context, sc *scan) error {
	wants := sc.sorted()
	sc.nest(wants)
	restaged := map[*want]bool{}
	var files []*want
	for _, w := range wants {
		if err := sc.inherit(w); err != nil {
			return sc.opError(w.op, &Error{Op: w.op, Path: w.said, Err: pathError("open", w.said, err)})
		}
		// A folder that is staged anew takes everything in it along.
		if s.find(w) != nil && !restaged[w.inside] {
			continue
		}
		switch w.kind {
		case wantFolder:
			restaged[w] = true
			if w.inside != nil {
				restaged[w.inside] = true
			}
			if err := s.folder(w); err != nil {
				return stageFailed(w, err)
			}
		case wantFile:
			files = append(files, w)
		case wantLink:
			if err := s.link(w); err != nil {
				return stageFailed(w, err)
			}
		case wantSame, wantLinked, wantMoved, wantGone, wantMode:
		}
	}
	return s.files(ctx, sc, files)
}

func stageFailed(w *want, err error) error {
	return &Error{Op: w.op, Path: w.said, Err: pathError("stage", w.said, err)}
}

// inherit reads what a want's folder hands down, where it will not come by itself.
func (s *scan) inherit(w *want) error {
	if !w.makes() || w.inside != nil || w.replacesFile() || !w.folder.info.Exists() {
		return nil
	}
	h, err := s.res.inherited(w.folder)
	w.heritage = h
	return err
}

func (s *stage) folder(w *want) error {
	st, err := s.place(w)
	if err != nil {
		return err
	}
	if err := s.dir.Mkdir(st.at, w.perm|0o700); err != nil {
		return err
	}
	if w.heritage != nil {
		d, err := s.dir.Sub(st.at)
		if err != nil {
			return err
		}
		err = inherit(d.Handle(), w, true)
		_ = d.Close()
		if err != nil {
			return err
		}
	}
	return s.finish(w, st)
}

func (s *stage) link(w *want) error {
	st, err := s.place(w)
	if err != nil {
		return err
	}
	if err := s.dir.Symlink(w.target, st.at); err != nil {
		return err
	}
	if w.heritage != nil && w.heritage.Group {
		i, err := s.dir.Stat(st.at)
		if err == nil && i.GID != w.heritage.GID {
			err = s.dir.Chown(st.at, i.UID, w.heritage.GID)
		}
		if err != nil {
			return err
		}
	}
	if w.like != nil {
		if err := s.likeLink(w.like, st.at); err != nil {
			return err
		}
	}
	return s.finish(w, st)
}

// finish notes what was staged.
func (s *stage) finish(w *want, st *staged) (err error) {
	if st.info, err = s.dir.Stat(st.at); err == nil {
		s.keep(w, st)
	}
	return err
}

// kickLimit is up to how many files a write-back is started when each file is closed; above, the one syncfs of barrier
// 1 does better alone, but for files of kickSize and more, which are written back while the next ones are staged
// (measured on ext4).
const (
	kickLimit = 100
	kickSize  = 64 << 10
)

func (s *stage) files(ctx context.Context, sc *scan, files []*want) error {
	var bytes int64
	for _, w := range files {
		bytes += w.content.size()
	}
	if len(files) > 0 {
		sc.tx.progress.begin(PhaseStage, len(files), bytes)
	}
	err := parallel(ctx, sc.tx.store.jobs(), len(files), func(i int) error {
		if err := s.file(sc, files[i], len(files) <= kickLimit || files[i].content.size() >= kickSize); err != nil {
			return stageFailed(files[i], err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, w := range files {
		s.awaitForks(w)
	}
	return nil
}

func (s *stage) file(sc *scan, w *want, kick bool) error {
	if err := sc.tx.checkContent(w.op, w.content); err != nil {
		return err
	}
	st, err := s.place(w)
	if err != nil {
		return err
	}
	defer sc.tx.progress.done(1, 0)
	if linked, err := s.linkSource(sc, w, st); linked || err != nil {
		return err
	}
	f, err := s.fill(&sc.tx.progress, w, st.at)
	if err != nil {
		return err
	}
	defer f.Close()
	if st.info, err = fsys.StatFile(f); err != nil {
		return err
	}
	dressed, err := s.dress(sc, w, f, st)
	if err != nil {
		return err
	}
	if kick {
		fsys.StartWrite(f)
	}
	if dressed {
		if st.info, err = fsys.StatFile(f); err != nil {
			return err
		}
	}
	s.bytes.Add(st.info.Size)
	s.keep(w, st)
	return nil
}

// fill makes the staged file with its content.
func (s *stage) fill(p *progress, w *want, at string) (*os.File, error) {
	if st := w.content.streamed; st != nil && st.at != "" {
		return st.moveTo(s, at)
	}
	perm := w.perm
	if bits, ok := w.mode.Bits(); ok {
		perm = bits // with a usual umask nothing is left to be done
	}
	f, err := s.dir.Create(at, perm&0o777)
	if err != nil {
		return nil, err
	}
	if err := copyContent(p, f, w.content); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func copyContent(p *progress, f *os.File, c *content) error {
	if c.data != nil {
		_, err := f.Write(c.data)
		p.done(0, int64(len(c.data)))
		return withoutName(f, err)
	}
	src, err := c.open()
	if err != nil {
		return err
	}
	defer src.Close()
	err = withoutName(f, p.copy(f, src, c.size()))
	if err == nil {
		err = checkSize(f, c.size())
	}
	if file, ok := src.(*os.File); ok && err == nil && c.sourced() {
		err = c.unchanged(file)
	}
	return err
}

// checkSize compares what was copied with what was to be copied. The count of io.Copy does not tell: after an EIO of
// copy_file_range(2) package os goes on with read and write, and forgets what it had copied before (Go 1.26).
func checkSize(f *os.File, want int64) error {
	i, err := fsys.StatFile(f)
	if err == nil && i.Size != want {
		err = errSourceChanged
	}
	return err
}

// withoutName takes the staged file's name out of an error: the user knows another one.
func withoutName(f *os.File, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == f.Name() {
		return pe.Err
	}
	return err
}

// dress gives a staged file, which st describes, the owner, attributes, mode and time that it will have in the tree, and
// says whether it was without one of them.
func (s *stage) dress(sc *scan, w *want, f *os.File, st *staged) (changed bool, err error) {
	if w.replacesFile() {
		changed, err = keepAttributes(sc, w, f, st.info)
	} else if h := w.heritage; h != nil && (h.Group && h.GID != st.info.GID || h.DefaultACL != nil) {
		changed = true
		err = inherit(f, w, false)
	}
	if err != nil {
		return changed, err
	}
	if bits, ok := w.mode.Bits(); ok && (changed || bits != st.info.Mode) && !(w.replacesFile() && bits == w.info.Mode) {
		changed = true
		if err := fsys.ChmodFile(f, bits); err != nil {
			return changed, err
		}
	}
	if w.mtime != 0 {
		return true, s.dir.SetMtime(st.at, w.mtime)
	}
	return changed, nil
}

// inherit gives a staged file or folder what its target folder hands down.
func inherit(f *os.File, w *want, folder bool) error {
	err := fsys.Inherit(f, *w.heritage, w.perm, folder)
	if errors.Is(err, fs.ErrPermission) && w.heritage.Group {
		err = errors.Wrapf(err, "the group %d of its directory, which is handed down, cannot be given", w.heritage.GID)
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
