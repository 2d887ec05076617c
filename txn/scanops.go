package txn

import (
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn/manifest"
)

func (s *scan) write(i int, o *op) error {
	policy := s.tx.store.opts.Symlinks
	at, err := s.locate(i, o, o.Path(), policy == FollowSymlinks)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	switch {
	case gone:
	case at.info.Kind == fsys.Folder:
		return syscall.EISDIR
	case at.info.Kind == fsys.Special:
		return errors.New("is a special file (FIFO, socket or device), which a write does not replace")
	case at.info.Kind == fsys.Link && policy == RefuseSymlinks:
		return errors.New("is a symbolic link, which --symlinks refuse does not allow")
	}
	w := want{kind: wantFile, op: i, brings: true, mode: o.Mode, perm: o.perm}
	if o.content == nil && o.Source != "" {
		src, err := o.lookAtSource()
		if err != nil {
			return err
		}
		w.special = &special{source: src}
	}
	return s.put(newWant(at, o.Path(), w))
}

// takenAway says that another op takes away what is at a place. A folder is forgotten then; a file is still there for
// the exchange.
func (s *scan) takenAway(at place) (place, bool) {
	_, gone := s.vacated[at.path()]
	if gone && at.info.Kind == fsys.Folder {
		at.info = &nothing
	}
	return at, gone
}

// lookAtSource finds the file that has the bytes of a write.
func (o *op) lookAtSource() (*source, error) {
	name := o.source()
	f, err := fsys.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := fsys.StatFile(f)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if i.Kind != fsys.File {
		return nil, errors.Newf("source %s is %s, not a regular file", o.Source, i.Kind)
	}
	return &source{file: name, said: name, info: i}, nil
}

func (s *scan) remove(i int, o *op) error {
	at, err := s.locate(i, o, o.Path(), false)
	if err != nil {
		return err
	}
	if !at.info.Exists() && !o.MissingOK {
		return syscall.ENOENT
	}
	if at.info.Kind == fsys.Folder && !o.Recursive {
		if err := s.mustBeEmpty(at); err != nil {
			return err
		}
	}
	s.vacated[at.path()] = i
	return s.put(newWant(at, o.Path(), want{kind: wantGone, op: i, empty: !o.Recursive}))
}

// mustBeEmpty refuses a folder that something is in.
func (s *scan) mustBeEmpty(at place) error {
	names, err := s.names(s.res.sub(at))
	if err == nil && slices.ContainsFunc(names, func(n string) bool { return !journal.IsOuter(n) }) {
		err = syscall.ENOTEMPTY
	}
	return err
}

func (s *scan) rename(i int, o *op) error {
	from, err := s.locate(i, o, o.From, false)
	if err != nil {
		return err
	}
	if !from.info.Exists() {
		return syscall.ENOENT
	}
	to, err := s.locate(i, o, o.To, false)
	if err != nil {
		return &Error{Op: i, Path: o.To, Err: pathError("rename", o.To, err)}
	}
	if from.path() == to.path() {
		return invalidf("a rename onto itself")
	}
	if !from.folder.info.SameFS(to.folder.existing().info) { // a snapshot has the same inodes once more
		return apart(from.path(), to.path())
	}
	if from.info.Kind == fsys.Folder && strings.HasPrefix(to.path()+"/", from.path()+"/") {
		return invalidf("a directory cannot be renamed into itself (%s)", o.To)
	}
	s.vacated[from.path()] = i
	kind := wantLinked
	if from.info.Kind == fsys.Folder {
		kind = wantMoved
	}
	if err := s.put(newWant(from, o.From, want{kind: wantGone, op: i, vacated: true})); err != nil {
		return err
	}
	return s.put(newWant(to, o.To, want{kind: kind, op: i, special: &special{from: &from}, replace: o.Replace}))
}

func (s *scan) mkdir(i int, o *op) error {
	at, err := s.locate(i, o, o.Path(), true)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	if at.info.Exists() && at.info.Kind != fsys.Folder && !gone {
		return syscall.EEXIST
	}
	if at.info.Kind == fsys.Folder {
		return s.putMode(i, o.Path(), at, o.Mode)
	}
	return s.put(newWant(at, o.Path(), want{kind: wantFolder, op: i, mode: o.Mode, perm: o.perm}))
}

func (s *scan) symlink(i int, o *op) error {
	at, err := s.locate(i, o, o.Path(), false)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	switch {
	case gone:
	case at.info.Kind == fsys.Folder:
		return syscall.EISDIR
	case at.info.Kind == fsys.Special:
		return errors.New("is a special file (FIFO, socket or device), which a symlink does not replace")
	}
	return s.putLink(newWant(at, o.Path(), want{kind: wantLink, op: i, special: &special{target: o.Target}}))
}

// putLink puts a link, which stays as it is if it leads to the target already.
func (s *scan) putLink(w *want) error {
	if w.info.Kind == fsys.Link {
		d, err := s.res.handle(w.folder)
		if err != nil {
			return err
		}
		target, err := d.ReadLink(w.name())
		if err != nil {
			return err
		}
		if _, vacated := s.vacated[w.path()]; target == w.target && !vacated {
			w.kind = wantSame
		}
	}
	return s.put(w)
}

func (s *scan) chmod(i int, o *op) error {
	at, err := s.locate(i, o, o.Path(), true)
	if err != nil {
		return err
	}
	if !at.info.Exists() {
		return syscall.ENOENT
	}
	if at.info.Kind == fsys.Special {
		return errors.New("is a special file (FIFO, socket or device), which a chmod does not change")
	}
	return s.putMode(i, o.Path(), at, o.Mode)
}

// putMode gives what is at a place another mode, if it differs.
func (s *scan) putMode(i int, said string, at place, mode manifest.Mode) error {
	w := newWant(at, said, want{kind: wantSame, op: i, mode: mode})
	if bits, ok := w.mode.Bits(); ok && bits != at.info.Mode {
		if at.info.Kind == fsys.Folder {
			if _, err := s.res.enter(s.res.sub(at)); err != nil {
				return err
			}
		}
		w.kind = wantMode
	}
	return s.put(w)
}
