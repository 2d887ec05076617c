package recovery

import (
	"errors"
	"path"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// host opens the folder that an outer folder is in; if it is to search, also where it was moved within its place: then the
// note says where it is now. It is errHostGone if it is not there any more, errHidden if it may be where nobody can look, and *unmounted if what it is
// on may come back.
func (e *Env) host(n *note, search bool) (*fsys.Dir, error) {
	d, err := e.recorded(n.Host, n.HostInode)
	if d != nil || err != nil {
		return d, err
	}
	top, err := e.recorded(n.Top, n.TopInode)
	if err != nil {
		return nil, err
	}
	if top == nil {
		return nil, &unmounted{n.Top}
	}
	defer top.Close()
	if err := top.Writable(); err == syscall.EROFS {
		return nil, err // nothing can be done about it: to look for it now, and again and again, is in vain
	}
	if !search {
		return nil, errElsewhere
	}
	d, below, all := find(top, n.HostInode)
	if d == nil && !all {
		return nil, errHidden
	}
	if d == nil {
		return nil, errHostGone
	}
	n.Host = path.Join(n.Top, below)
	return d, nil
}

var (
	errHostGone = errors.New("the directory that it was in was moved away or deleted by another program")
	errHidden   = errors.New("the directory that it was in was moved, and not everything where it may be can be looked at")
	// errElsewhere is one of these two, not told apart: who has come for something else does not walk a whole disk, each time.
	errElsewhere = errors.New("the directory that it was in is not at its place; 'txcommit recover' looks for it")
	errAway      = errors.New("what it is on is not mounted")
)

// search looks below a folder for another one. It does not leave the mount and file system. A large tree takes its time: it
// is for the one case in which a process has died and what its outer folder is in was moved.
//
// It holds no handle of a folder while it looks at those below, however deep they are: a path leads there from the top.
type search struct {
	top  *fsys.Dir
	self fsys.Info
	id   journal.Inode
	// all says that everything was seen where the folder may be: nothing was refused, and nothing is covered by a mount.
	all bool
}

// find looks below top for a folder, by what it is, and returns it and its path from there; nil if it is not to be seen. Only
// if all is true it is not there either.
func find(top *fsys.Dir, id journal.Inode) (d *fsys.Dir, path string, all bool) {
	self, err := top.Self()
	if err != nil {
		return nil, "", false
	}
	s := &search{top, self, id, true}
	todo := s.below(".")
	for len(todo) > 0 {
		last := len(todo) - 1
		path, todo = todo[last], todo[:last]
		if d := s.open(path); d != nil {
			return d, path, s.all
		}
		todo = append(todo, s.below(path)...)
	}
	return nil, "", s.all
}

// open opens the folder at a path if it is the one.
func (s *search) open(path string) *fsys.Dir {
	d, err := openBeneath(s.top, path)
	if s.missed(err) {
		return nil
	}
	if self, err := d.Self(); s.missed(err) || inode(self) != s.id {
		_ = d.Close()
		return nil
	}
	return d
}

// below lists the paths of the folders in the one at a path.
func (s *search) below(path string) (paths []string) {
	d, err := openBeneath(s.top, path)
	if s.missed(err) {
		return nil
	}
	defer d.Close()
	names, err := d.Names()
	if s.missed(err) {
		return nil
	}
	for _, name := range names {
		i, err := d.Stat(name)
		if s.missed(err) || i.Kind != fsys.Folder || name == journal.StateFolder || journal.IsOuter(name) || s.leaves(i) {
			continue
		}
		if path != "." {
			name = path + "/" + name
		}
		paths = append(paths, name)
	}
	return paths
}

// leaves says that another mount or file system begins with a folder. What a mount covers cannot be seen. A subvolume covers
// nothing, and no folder of another one is ever moved into it.
func (s *search) leaves(i fsys.Info) bool {
	if i.SameFS(s.self) && !i.MountRoot {
		return false
	}
	if i.MountRoot || i.Mount != s.self.Mount || i.Mount == 0 {
		s.all = false
	}
	return true
}

// missed says that there was an error, and notes it: but what is gone is not there.
func (s *search) missed(err error) bool {
	if err != nil && !isGone(err) {
		s.all = false
	}
	return err != nil
}
