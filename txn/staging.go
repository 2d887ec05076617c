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
	s.expect(len(wants))
	sc.nest()
	restaged := map[*want]bool{}
	var files []*want
	for _, w := range wants {
		if err := sc.inherit(w); err != nil {
			return sc.opError(w.op, &Error{Op: w.op, Path: w.said(), Err: pathError("open", w.said(), err)})
		}
		if err := s.settle(sc, w); err != nil {
			return stageFailed(w, err)
		}
	}
	for _, w := range wants {
		// A folder that is staged anew takes everything in it along.
		if s.find(w) != nil && !restaged[w.inside()] {
			continue
		}
		switch w.kind {
		case wantFolder:
			restaged[w] = true
			if w.inside() != nil {
				restaged[w.inside()] = true
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
	return &Error{Op: w.op, Path: w.said(), Err: pathError("stage", w.said(), err)}
}

// inherit reads what a want's folder hands down, where it will not come by itself.
func (s *scan) inherit(w *want) error {
	if !w.makes() || w.inside() != nil || w.replacesFile() || !w.folder.info.Exists() {
		return nil
	}
	_, err := s.res.inherited(w.folder)
	return err
}

func (s *stage) folder(w *want) error {
	st, err := s.place(w)
	if err != nil {
		return err
	}
	in, at := s.where(st.at())
	if err := in.Mkdir(at, w.perm|0o700); err != nil {
		return err
	}
	if h := w.heritage(); h != nil {
		d, err := in.Sub(at)
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
	in, at := s.where(st.at())
	if err := in.Symlink(w.target, at); err != nil {
		return err
	}
	if h := w.heritage(); h != nil && h.Group {
		i, err := in.Stat(at)
		if err == nil && i.GID != h.GID {
			err = in.Chown(at, i.UID, h.GID)
		}
		if err != nil {
			return err
		}
	}
	if w.like != nil {
		if err := s.likeLink(w.like, st.at()); err != nil {
			return err
		}
	}
	return s.finish(w, st)
}

// finish notes what was staged.
func (s *stage) finish(w *want, st *staged) error {
	in, at := s.where(st.at())
	i, err := in.Stat(at)
	if err == nil {
		s.keep(w, st, i)
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
		bytes += w.content(sc.tx.ops).size()
	}
	if len(files) > 0 {
		sc.tx.progress.begin(PhaseStage, len(files), bytes)
	}
	err := parallel(ctx, sc.tx.store.jobs(), len(files), func(i int) error {
		if err := s.file(sc, files[i], len(files) <= kickLimit); err != nil {
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

func (s *stage) file(sc *scan, w *want, few bool) error {
	if err := sc.tx.checkContent(w); err != nil {
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
	at, c := st.at(), w.content(sc.tx.ops)
	f, err := s.fill(&sc.tx.progress, w, c, at)
	if err != nil {
		return err
	}
	defer f.Close()
	i, err := fsys.StatFile(f)
	if err != nil {
		return err
	}
	dressed, err := s.dress(sc, w, f, at, i)
	if err != nil {
		return err
	}
	if few || c.size() >= kickSize {
		fsys.StartWrite(f)
	}
	if dressed {
		if i, err = fsys.StatFile(f); err != nil {
			return err
		}
	}
	s.bytes.Add(i.Size)
	s.keep(w, st, i)
	return nil
}

// fill makes the staged file with its content.
func (s *stage) fill(p *progress, w *want, c content, at string) (*os.File, error) {
	in, rel := s.where(at)
	perm := w.perm
	if st := c.streamed; st != nil && st.at != "" && in == s.dir {
		return st.moveTo(s, at)
	}
	if bits, ok := w.mode.Bits(); ok {
		perm = bits // with a usual umask nothing is left to be done
	}
	f, err := in.Create(rel, perm&0o777)
	if err != nil {
		return nil, err
	}
	if err := copyContent(p, f, c); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func copyContent(p *progress, f *os.File, c content) error {
	if c.inMemory() {
		_, err := f.WriteString(c.text)
		p.done(0, c.size())
		if err == nil {
			err = fsys.Written(f)
		}
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
	if err == nil {
		err = fsys.Written(f)
	}
	if file, ok := src.(*os.File); ok && err == nil && c.sourced() {
		err = c.unchanged(fsys.StatFile(file))
	}
	return err
}

// checkSize compares what was copied with what was to be copied. The count of io.Copy does not tell: after an EIO of
// copy_file_range(2) package os goes on with read and write, and forgets what it had copied before (Go 1.26).
func checkSize(f *os.File, want int64) error {
	if i, err := fsys.StatFile(f); err != nil || i.Size == want {
		return err
	}
	return errSourceChanged
}

// withoutName takes the staged file's name out of an error: the user knows another one.
func withoutName(f *os.File, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == f.Name() {
		return pe.Err
	}
	return err
}
