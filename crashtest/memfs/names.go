package memfs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// entry answers with an inode.
func (f *FS) entry(n *node, out *fuse.EntryOut) fuse.Status {
	out.NodeId, out.Generation = n.id, 1
	out.SetEntryTimeout(f.cache)
	out.SetAttrTimeout(f.cache)
	n.attr(&out.Attr)
	return fuse.OK
}

func (n *node) attr(a *fuse.Attr) {
	a.Ino, a.Mode, a.Uid, a.Gid = n.ino, n.meta.Mode, n.meta.UID, n.meta.GID
	a.Size = uint64(len(n.meta.Data))
	a.Blocks = (a.Size + 511) / 512
	a.Blksize = 4096
	a.Nlink = n.links
	if n.kids != nil {
		a.Nlink = 2
	}
	t := time.Unix(0, n.meta.Mtime)
	a.SetTimes(&t, &t, &t)
}

// at locks the file system and finds an inode; unlock follows in any case.
func (f *FS) at(id uint64) (*node, fuse.Status) {
	f.mu.Lock()
	if n := f.nodes[id]; n != nil {
		return n, fuse.OK
	}
	return nil, fuse.Status(syscall.ESTALE)
}

// Lookup finds a name in a folder.
func (f *FS) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	d, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	n := d.kids[f.called(d, name)]
	if n == nil {
		return fuse.ENOENT
	}
	return f.entry(n, out)
}

// make makes an inode at a free name.
func (f *FS) make(h *fuse.InHeader, name string, meta Inode) (*node, fuse.Status) {
	d, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	switch {
	case !st.Ok():
		return nil, st
	case d.kids[f.called(d, name)] != nil:
		return nil, fuse.Status(syscall.EEXIST)
	}
	meta.UID, meta.GID = h.Uid, h.Gid
	n := f.newNode(meta)
	n.links, d.kids[name] = 1, n
	if n.kids != nil {
		n.up = d
	}
	born := n.meta
	f.add(Event{Kind: Create, Ino: n.ino, Dir: d.ino, Name: name, New: &born}, d)
	return n, fuse.OK
}

func (f *FS) makeEntry(h *fuse.InHeader, name string, meta Inode, out *fuse.EntryOut) fuse.Status {
	n, st := f.make(h, name, meta)
	if !st.Ok() {
		return st
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.entry(n, out)
}

// Mknod makes a file; nothing else is made so here.
func (f *FS) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.EPERM
	}
	return f.makeEntry(&in.InHeader, name, Inode{Mode: in.Mode}, out)
}

// Mkdir makes a folder.
func (f *FS) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return f.makeEntry(&in.InHeader, name, Inode{Mode: syscall.S_IFDIR | in.Mode&0o7777}, out)
}

// Symlink makes a link.
func (f *FS) Symlink(_ <-chan struct{}, h *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return f.makeEntry(h, name, Inode{Mode: syscall.S_IFLNK | 0o777, Data: []byte(target)}, out)
}

// Create makes and opens a file.
func (f *FS) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	st := f.makeEntry(&in.InHeader, name, Inode{Mode: syscall.S_IFREG | in.Mode&0o7777}, &out.EntryOut)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return st
}

// Link gives a file another name.
func (f *FS) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	d, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	n := f.nodes[in.Oldnodeid]
	switch {
	case !st.Ok():
		return st
	case n == nil:
		return fuse.Status(syscall.ESTALE)
	case n.kids != nil:
		return fuse.EPERM
	case d.kids[f.called(d, name)] != nil:
		return fuse.Status(syscall.EEXIST)
	}
	d.kids[name] = n
	n.links++
	f.add(Event{Kind: Link, Ino: n.ino, Dir: d.ino, Name: name}, d)
	return f.entry(n, out)
}

// Unlink removes a name.
func (f *FS) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.unlink(h, name, false)
}

// Rmdir removes the name of an empty folder.
func (f *FS) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.unlink(h, name, true)
}

func (f *FS) unlink(h *fuse.InHeader, name string, folder bool) fuse.Status {
	d, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	name = f.called(d, name)
	n := d.kids[name]
	switch {
	case n == nil:
		return fuse.ENOENT
	case folder && n.kids == nil:
		return fuse.ENOTDIR
	case !folder && n.kids != nil:
		return fuse.EISDIR
	case len(n.kids) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	f.add(Event{Kind: Unlink, Ino: n.ino, Dir: d.ino, Name: name}, d)
	delete(d.kids, name)
	n.links--
	return fuse.OK
}

// Rename renames or exchanges names as renameat2(2) does.
func (f *FS) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	d, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	d2 := f.nodes[in.Newdir]
	switch {
	case !st.Ok():
		return st
	case d2 == nil:
		return fuse.Status(syscall.ESTALE)
	}
	from, to = f.called(d, from), f.called(d2, to)
	n, over := d.kids[from], d2.kids[to]
	exchange := in.Flags&unix.RENAME_EXCHANGE != 0
	switch {
	case exchange && f.noExchange:
		return fuse.EINVAL
	case n == nil || exchange && over == nil:
		return fuse.ENOENT
	case in.Flags&unix.RENAME_NOREPLACE != 0 && over != nil:
		return fuse.Status(syscall.EEXIST)
	case n == over:
		return fuse.OK // POSIX: two names of one file stay as they are
	case !exchange && over != nil && over.kids != nil && n.kids == nil:
		return fuse.EISDIR
	case !exchange && over != nil && over.kids == nil && n.kids != nil:
		return fuse.ENOTDIR
	case !exchange && over != nil && len(over.kids) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	case f.refuses(d, d2):
		return fuse.EPERM
	}
	e := Event{Kind: Rename, Ino: n.ino, Dir: d.ino, Name: from, Dir2: d2.ino, Name2: to}
	if exchange {
		e.Kind, e.Ino2 = Exchange, over.ino
	}
	f.add(e, d)
	delete(d.kids, from)
	d2.kids[to] = n
	if exchange {
		d.kids[from] = over
		if over.kids != nil {
			over.up = d
		}
	} else if over != nil {
		over.links--
	}
	if n.kids != nil {
		n.up = d2
	}
	return fuse.OK
}

// Readlink returns the target of a link.
func (f *FS) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return nil, st
	}
	return n.meta.Data, fuse.OK
}
