package txn

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
)

// FS returns the tree as it would be after Commit, with the ops that the transaction has now. Contents are read when
// they are asked for; what others change in the tree meanwhile shows through. It is good until the transaction ends.
// Where the ops cannot be applied to the tree as it is, every call returns the error that Plan returns.
func (tx *Tx) FS() fs.FS {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	o := &overlay{base: treeFS{tx.store.files.FS()}, wants: map[string]*want{}, below: map[string][]*want{}, ops: tx.ops, made: time.Now()}
	if tx.done {
		o.failed = ErrTxDone
		return o
	}
	sc, err := newScan(context.Background(), tx, tx.store.root)
	if err != nil {
		o.failed = err
		return o
	}
	defer sc.close()
	for _, w := range sc.byPath.items {
		o.wants[w.path()] = w
		o.below[w.folder.path] = append(o.below[w.folder.path], w)
	}
	return o
}

// overlay is the final state of some paths over a file system that has the others.
type overlay struct {
	base   treeFS
	wants  map[string]*want
	below  map[string][]*want // by folder
	ops    []op
	made   time.Time // the modification time of what is not written yet
	failed error
}

// found is where the overlay finds a path: in the base under some name, or made by a want.
type found struct {
	name string // of the path in the overlay
	base string // its name in the base; "" if it is not there
	want *want  // what decides its kind or mode; nil if the base does
	info fs.FileInfo
}

// locate finds a path that has no links in its folders.
func (o *overlay) locate(name string) (found, error) {
	f := found{name: name, base: name}
	if w, rest := o.nearest(name); w != nil {
		if f.base = baseOf(w, rest); f.base == "" && rest != "" {
			return f, fs.ErrNotExist
		}
		if rest == "" {
			if f.want = w; w.kind == wantGone {
				return f, fs.ErrNotExist
			}
		}
	}
	var err error
	if f.base != "" {
		if f.info, err = o.base.Lstat(f.base); err != nil {
			return f, underlying(err)
		}
	}
	if f.want != nil {
		f.info = o.infoOf(path.Base(name), f.want, f.info)
	} else {
		f.info = named{f.info, path.Base(name)}
	}
	return f, nil
}

// nearest returns the want of a path or of the nearest folder above it, and the rest of the path below that.
func (o *overlay) nearest(name string) (*want, string) {
	for p, rest := name, ""; p != "."; p = path.Dir(p) {
		if w := o.wants[p]; w != nil {
			return w, rest
		}
		rest = path.Join(path.Base(p), rest)
	}
	return nil, name
}

// baseOf is the name in the base of what is at or below the path of a want; "" if it is not in the base.
func baseOf(w *want, rest string) string {
	switch w.kind {
	case wantSame, wantMode:
		return path.Join(w.path(), rest)
	case wantLinked, wantMoved:
		return path.Join(w.from.path(), rest)
	case wantFile, wantLink, wantFolder, wantGone:
	}
	return ""
}

// resolve finds a path, following the links in its folders, and with follow the last one.
func (o *overlay) resolve(op, name string, follow bool) (found, error) {
	if err := o.base.check(op, name); err != nil {
		return found{}, err
	}
	if o.failed != nil {
		return found{}, &fs.PathError{Op: op, Path: name, Err: o.failed}
	}
	f, err := o.walk(name, follow)
	if err != nil {
		return f, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return f, nil
}

func (o *overlay) walk(name string, follow bool) (found, error) {
	done, rest := ".", strings.Split(name, "/")
	f, err := o.locate(".")
	for links := 0; err == nil && len(rest) > 0; {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		if next == ".." || strings.HasPrefix(next, "../") {
			return f, ErrEscapes
		}
		if f, err = o.locate(next); err != nil {
			break
		}
		if f.info.Mode()&fs.ModeSymlink == 0 || len(rest) == 0 && !follow {
			done = next
			continue
		}
		target, lerr := o.link(f)
		if links++; lerr == nil && links > maxLinks {
			lerr = syscall.ELOOP
		}
		if lerr == nil && strings.HasPrefix(target, "/") {
			lerr = ErrEscapes
		}
		if lerr != nil {
			return f, lerr
		}
		rest = append(strings.Split(target, "/"), rest...)
		if f, err = o.locate(done); err != nil {
			break
		}
	}
	return f, err
}

func (o *overlay) link(f found) (string, error) {
	if f.want != nil && f.want.kind == wantLink {
		return f.want.target, nil
	}
	return o.base.ReadLink(f.base)
}

// Open opens a file or folder, following links inside the root.
func (o *overlay) Open(name string) (fs.File, error) {
	f, err := o.resolve("open", name, true)
	if err != nil {
		return nil, err
	}
	if f.info.IsDir() {
		entries, err := o.entries(f)
		return &openFolder{named{f.info, path.Base(name)}, entries}, err
	}
	file := &openFile{info: named{f.info, path.Base(name)}}
	if f.want != nil && f.want.kind == wantFile {
		file.ReadCloser, err = f.want.content(o.ops).open()
	} else {
		file.ReadCloser, err = o.base.Open(f.base)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: underlying(err)}
	}
	return file, nil
}

// ReadDir lists a folder, by name.
func (o *overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := o.resolve("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !f.info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	return o.entries(f)
}

// Stat describes a file, following links inside the root.
func (o *overlay) Stat(name string) (fs.FileInfo, error) {
	f, err := o.resolve("stat", name, true)
	return named{f.info, path.Base(name)}, err
}

// Lstat describes a file or a link itself.
func (o *overlay) Lstat(name string) (fs.FileInfo, error) {
	f, err := o.resolve("lstat", name, false)
	return f.info, err
}

// ReadLink returns where a link leads.
func (o *overlay) ReadLink(name string) (string, error) {
	f, err := o.resolve("readlink", name, false)
	if err != nil {
		return "", err
	}
	if f.info.Mode()&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	return o.link(f)
}

func underlying(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// infoOf describes what a want makes; old is what the base has at the name, or where it comes from.
func (o *overlay) infoOf(name string, w *want, old fs.FileInfo) fs.FileInfo {
	i := madeInfo{name: name, mode: fsys.Perm(w.perm), modified: o.made}
	if old != nil {
		i = madeInfo{name, old.Size(), old.Mode(), old.ModTime()}
	}
	switch w.kind {
	case wantFile:
		i.size = w.content(o.ops).size()
		if w.replacesFile() {
			i.mode = w.info.FileMode()
		}
	case wantLink:
		i.size, i.mode = int64(len(w.target)), fs.ModeSymlink|0o777
	case wantFolder:
		i.mode |= fs.ModeDir
	case wantSame, wantLinked, wantMoved, wantGone, wantMode:
	}
	if bits, ok := w.mode.Bits(); ok {
		i.mode = i.mode&fs.ModeType | fsys.Perm(bits)
	}
	return i
}

// openFile is an open file of the overlay.
type openFile struct {
	io.ReadCloser
	info fs.FileInfo
}

// Stat describes the file.
func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
