package txn

import (
	"path"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// maxLinks is how many symbolic links one path may lead through, as in the kernel (path_resolution(7)).
const maxLinks = 40

// maxHandles bounds how many folders a resolver holds open.
const maxHandles = 256

// folder is a folder of the tree, named by its canonical path: the one without links. It may be missing.
type folder struct {
	path   string // "." for the root
	name   string
	parent *folder
	info   fsys.Info // the zero Info: missing
	subs   map[string]*folder
	ours   bool // known not to be the root of another store
	// inside is the new folder that what is wanted here is staged in; nil where that is a step of its own. See nest.
	inside *want

	dir      *fsys.Dir // nil while not open
	heritage *fsys.Heritage
	checked  bool  // see changeable
	refused  error // what came of that
	settled  bool  // it is known where what belongs here is staged; see stage.settle
}

func (f *folder) join(name string) string {
	if f.path == "." {
		return name
	}
	return f.path + "/" + name
}

// joined is join, and said itself where that is the path: of a million files none is held twice.
func (f *folder) joined(name, said string) string {
	if n := len(said) - len(name); f.path == "." && said == name ||
		n == len(f.path)+1 && said[:n-1] == f.path && said[n-1] == '/' && said[n:] == name {
		return said
	}
	return f.join(name)
}

// resolver finds where paths lead, component by component and handle by handle: no link is ever followed by the
// kernel, so nothing can be led out of the root by a link that appears meanwhile. What it has seen it keeps.
type resolver struct {
	root  *folder
	state fsys.ID // of the state folder; the zero ID if there is none
	open  int
}

func newResolver(root *fsys.Dir) (*resolver, error) {
	self, err := root.Self()
	if err != nil {
		return nil, err
	}
	state, err := root.Stat(journal.StateFolder)
	return &resolver{root: &folder{path: ".", info: self, dir: root}, state: state.ID}, err
}

func (r *resolver) close() { r.closeBelow(r.root, nil) }

func (r *resolver) closeBelow(f, but *folder) {
	for _, s := range f.subs {
		if s.dir != nil && s != but {
			_ = s.dir.Close()
			s.dir = nil
			r.open--
		}
		r.closeBelow(s, but)
	}
}

// handle opens a folder that exists. The handle is good until the next call of handle.
func (r *resolver) handle(f *folder) (*fsys.Dir, error) {
	if f.dir != nil {
		return f.dir, nil
	}
	parent, err := r.handle(f.parent)
	if err != nil {
		return nil, err
	}
	d, err := parent.Sub(f.name)
	if err != nil {
		return nil, err
	}
	self, err := d.Self()
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	if self.ID != f.info.ID {
		_ = d.Close()
		return nil, syscall.ESTALE
	}
	if r.open >= maxHandles {
		r.closeBelow(r.root, nil)
	}
	f.dir = d
	r.open++
	return d, nil
}

// stat looks at name in f; a folder that is missing holds nothing.
func (r *resolver) stat(f *folder, name string) (fsys.Info, error) {
	if !f.info.Exists() {
		return fsys.Info{}, nil
	}
	d, err := r.handle(f)
	if err != nil {
		return fsys.Info{}, err
	}
	return d.Stat(name)
}

// sub returns the folder at a place as it was seen there; a missing one if nothing was.
func (r *resolver) sub(p place) *folder {
	f, name := p.folder, p.name()
	if s := f.subs[name]; s != nil {
		return s
	}
	s := &folder{path: p.full, name: name, parent: f, info: *p.info}
	if f.subs == nil {
		f.subs = map[string]*folder{}
	}
	f.subs[name] = s
	return s
}

// enter keeps every op out of another store.
func (r *resolver) enter(f *folder) (*folder, error) {
	if f.ours || f.parent == nil || !f.info.Exists() {
		return f, nil
	}
	i, err := r.stat(f, journal.StateFolder)
	if err != nil {
		return nil, err
	}
	if i.Kind == fsys.Folder {
		return nil, errors.Newf("%s is the root of another store; use txcommit with that root", f.path)
	}
	f.ours = true
	return f, nil
}

// lookup resolves the folder part of a clean path, following links inside the root, and looks at the last name.
func (r *resolver) lookup(p string) (place, error) {
	links := 0
	f, err := r.folder(path.Dir(p), r.root, &links)
	if err != nil {
		return place{}, err
	}
	return r.place(f, path.Base(p), p)
}

// place looks at a name in a folder. said is a path that leads there.
func (r *resolver) place(f *folder, name, said string) (place, error) {
	i, err := r.stat(f, name)
	if f == r.root && r.isState(name, i) {
		return place{}, errors.New("leads into the state folder, which no op may touch")
	}
	if journal.IsOuter(name) {
		return place{}, errors.Newf("%s is a private folder of a transaction, which no op may touch", f.join(name))
	}
	return newPlace(f, f.joined(name, said), i), err
}

// follow resolves a place that is a link to what it leads to, through any number of links.
func (r *resolver) follow(p place) (place, error) {
	links := 0
	for p.info.Kind == fsys.Link {
		target, err := r.readLink(p, &links)
		if err != nil {
			return place{}, err
		}
		if p, err = r.target(target, p.folder, &links); err != nil {
			return place{}, err
		}
		if !p.info.Exists() {
			return place{}, errors.Wrapf(syscall.ENOENT, "dangling link to %q", target)
		}
	}
	return p, nil
}

// target finds the place that a link in a folder leads to. The link's text is taken as it is: to clean it first would
// take "a/.." for nothing where a is a link itself.
func (r *resolver) target(target string, from *folder, links *int) (place, error) {
	dir, name := path.Split(target)
	if name == "" || name == "." || name == ".." {
		f, err := r.folder(target, from, links)
		if err == nil && f.parent == nil {
			err = errors.Wrapf(syscall.EISDIR, "link %q to the root", target)
		}
		if err != nil {
			return place{}, err
		}
		return newPlace(f.parent, f.path, f.info), nil
	}
	f, err := r.folder(dir, from, links)
	if err != nil {
		return place{}, err
	}
	return r.place(f, name, target)
}

func (r *resolver) readLink(p place, links *int) (string, error) {
	if *links++; *links > maxLinks {
		return "", syscall.ELOOP
	}
	d, err := r.handle(p.folder)
	if err != nil {
		return "", err
	}
	target, err := d.ReadLink(p.name())
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(target, "/") {
		return "", errors.Wrapf(ErrEscapes, "link %s to %q", p.path(), target)
	}
	return target, nil
}

// folder resolves a relative path to a folder, from a folder on. What is missing is returned as missing folders.
func (r *resolver) folder(p string, from *folder, links *int) (*folder, error) {
	f := from
	for name := range strings.SplitSeq(p, "/") {
		var err error
		if f, err = r.step(f, name, links); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (r *resolver) step(f *folder, name string, links *int) (*folder, error) {
	switch name {
	case "", ".":
		return f, nil
	case "..":
		if f.parent == nil {
			return nil, ErrEscapes
		}
		if !f.info.Exists() {
			return nil, syscall.ENOENT
		}
		return f.parent, nil
	}
	if s := f.subs[name]; s != nil {
		return r.enter(s)
	}
	p, err := r.place(f, name, "")
	if err != nil {
		return nil, err
	}
	switch p.info.Kind {
	case fsys.Absent, fsys.Folder:
		return r.enter(r.sub(p))
	case fsys.Link:
		target, err := r.readLink(p, links)
		if err != nil {
			return nil, err
		}
		s, err := r.folder(target, f, links)
		if err == nil && !s.info.Exists() {
			err = errors.Wrapf(syscall.ENOENT, "dangling link to %q", target)
		}
		return s, err
	case fsys.File, fsys.Special:
	}
	return nil, errors.Wrapf(syscall.ENOTDIR, "%s", p.path())
}
