package memfs

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// GetAttr is stat(2).
func (f *FS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if st.Ok() {
		n.attr(&out.Attr)
		out.SetTimeout(f.cache)
	}
	return st
}

// Statx is statx(2), which is what tells birth times.
func (f *FS) Statx(_ <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	var a fuse.Attr
	n.attr(&a)
	out.Mask = unix.STATX_BASIC_STATS
	out.Ino, out.Mode, out.Nlink, out.Uid, out.Gid = a.Ino, uint16(a.Mode), a.Nlink, a.Uid, a.Gid
	out.Size, out.Blocks, out.Blksize = a.Size, a.Blocks, a.Blksize
	out.Mtime = sxTime(n.meta.Mtime)
	out.Atime, out.Ctime = out.Mtime, out.Mtime
	if n.meta.Born != 0 {
		out.Mask |= unix.STATX_BTIME
		out.Btime = sxTime(n.meta.Born)
	}
	out.AttrValid, out.AttrValidNsec = uint64(f.cache/time.Second), uint32(f.cache%time.Second)
	return fuse.OK
}

func sxTime(ns int64) fuse.SxTime {
	return fuse.SxTime{Sec: uint64(ns / int64(time.Second)), Nsec: uint32(ns % int64(time.Second))}
}

// SetAttr changes mode, owner, size and time.
func (f *FS) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	now := f.now
	if size, ok := in.GetSize(); ok {
		n.meta.Data, n.shared, n.meta.Mtime = resized(n.meta.Data, int64(size)), false, now
		f.add(Event{Kind: Truncate, Ino: n.ino, Off: int64(size), Mtime: now, Path: f.fileName(n)}, nil)
	}
	old := n.meta
	if mode, ok := in.GetMode(); ok {
		n.meta.Mode = n.meta.Mode&syscall.S_IFMT | mode&0o7777
	}
	if uid, ok := in.GetUID(); ok {
		n.meta.UID = uid
	}
	if gid, ok := in.GetGID(); ok {
		n.meta.GID = gid
	}
	if t, ok := in.GetMTime(); ok && in.Valid&fuse.FATTR_MTIME_NOW != 0 {
		n.meta.Mtime = now
	} else if ok {
		n.meta.Mtime = t.UnixNano()
	}
	if m := n.meta; m.Mode != old.Mode || m.UID != old.UID || m.GID != old.GID || m.Mtime != old.Mtime {
		f.add(Event{Kind: SetMeta, Ino: n.ino, Mode: m.Mode, UID: m.UID, GID: m.GID, Mtime: m.Mtime, Path: f.fileName(n)}, nil)
	}
	n.attr(&out.Attr)
	return fuse.OK
}

// Access grants everything: root is not asked, and others do not get here.
func (f *FS) Access(_ <-chan struct{}, _ *fuse.AccessIn) fuse.Status { return fuse.OK }

// Open opens a file; its pages stay in the cache, since only the kernel changes it.
func (f *FS) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	if in.Flags&syscall.O_TRUNC != 0 && len(n.meta.Data) > 0 {
		n.meta.Data, n.shared, n.meta.Mtime = nil, false, f.now
		f.add(Event{Kind: Truncate, Ino: n.ino, Mtime: n.meta.Mtime, Path: f.fileName(n)}, nil)
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

// Read returns content.
func (f *FS) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return nil, st
	}
	off := min(in.Offset, uint64(len(n.meta.Data)))
	return fuse.ReadResultData(buf[:copy(buf, n.meta.Data[off:])]), fuse.OK
}

// Write changes content, or is a mark.
func (f *FS) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return 0, st
	}
	off, end := int64(in.Offset), int64(in.Offset)+int64(len(data))
	if n.shared || end > int64(len(n.meta.Data)) {
		n.meta.Data, n.shared = resized(n.meta.Data, max(end, int64(len(n.meta.Data)))), false
	}
	copy(n.meta.Data[off:], data)
	n.meta.Mtime = f.now
	e := Event{Kind: Write, Ino: n.ino, Off: off, Data: slices.Clone(data), Mtime: n.meta.Mtime, Path: f.fileName(n)}
	if f.rec != nil && n == f.rec.mark {
		e.Kind = Mark
	}
	f.add(e, nil)
	return uint32(len(data)), fuse.OK
}

// Fallocate grows a file. Nothing else is done so here.
func (f *FS) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	n, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	switch size := int64(in.Offset + in.Length); {
	case !st.Ok():
		return st
	case in.Mode != 0:
		return fuse.Status(syscall.EOPNOTSUPP)
	case size > int64(len(n.meta.Data)):
		n.meta.Data, n.shared = resized(n.meta.Data, size), false
		f.add(Event{Kind: Truncate, Ino: n.ino, Off: size, Mtime: n.meta.Mtime, Path: f.fileName(n)}, nil)
	}
	return fuse.OK
}

// sync records that a file or folder was synced, or was to be. It covers only what was complete when it came in.
func (f *FS) sync(id uint64) fuse.Status {
	f.mu.Lock()
	since := len(f.log)
	f.mu.Unlock()
	n, st := f.at(id)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	e := Event{Kind: Sync, Ino: n.ino, Since: since, Path: f.fileName(n)}
	if strings.Contains(e.Path, f.failAt) {
		if f.fail--; f.fail == 0 {
			e.Kind, st = SyncFailed, fuse.EIO
		}
	}
	f.add(e, nil)
	return st
}

// Fsync is fsync(2) of a file.
func (f *FS) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return f.sync(in.NodeId) }

// FsyncDir is fsync(2) of a folder.
func (f *FS) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return f.sync(in.NodeId) }

// Flush is close(2), which makes nothing durable: the kernel need not tell.
func (f *FS) Flush(_ <-chan struct{}, _ *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// Release ends the use of a file.
func (f *FS) Release(_ <-chan struct{}, _ *fuse.ReleaseIn) {}

// Forget is ignored: inodes live as long as their tree is shown.
func (f *FS) Forget(_, _ uint64) {}

// OpenDir is not wanted: the kernel need not open folders here, nor ask again for names that it has.
func (f *FS) OpenDir(_ <-chan struct{}, _ *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	return fuse.ENOSYS
}

// ReadDir lists names: those of a snapshot, so that what is removed while they are read disturbs nobody. Its number is in
// the offsets.
func (f *FS) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	d, st := f.at(in.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	snap, first := in.Offset>>32, int(uint32(in.Offset))
	if first == 0 {
		f.snaps++
		snap = f.snaps
		f.listed[snap] = d.list(snap << 32)
	}
	all := f.listed[snap]
	if first == len(all) {
		delete(f.listed, snap)
	}
	for i := first; i < len(all) && out.AddDirEntry(all[i]); i++ {
	}
	return fuse.OK
}

// list lists a folder. The offset of the n-th name is base and n.
func (n *node) list(base uint64) (all []fuse.DirEntry) {
	for i, name := range slices.Sorted(maps.Keys(n.kids)) {
		k := n.kids[name]
		all = append(all, fuse.DirEntry{Name: name, Mode: k.meta.Mode, Ino: k.ino, Off: base + uint64(i+1)})
	}
	return all
}

// StatFs says that there is room.
func (f *FS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail, out.Files, out.Ffree = 1<<20, 1<<20, 1<<20, 1<<20, 1<<20
	return fuse.OK
}

const enodata = fuse.Status(syscall.ENODATA)

// GetXAttr returns an extended attribute.
func (f *FS) GetXAttr(_ <-chan struct{}, h *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	n, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return 0, st
	}
	v, ok := n.meta.Attrs[name]
	if !ok {
		return 0, enodata
	}
	return fill(dest, v)
}

// ListXAttr lists extended attributes.
func (f *FS) ListXAttr(_ <-chan struct{}, h *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	n, st := f.at(h.NodeId)
	defer f.mu.Unlock()
	if !st.Ok() {
		return 0, st
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(n.meta.Attrs)) {
		b.WriteString(name + "\x00")
	}
	return fill(dest, b.String())
}

func fill(dest []byte, v string) (uint32, fuse.Status) {
	if len(dest) < len(v) {
		return uint32(len(v)), fuse.ERANGE
	}
	return uint32(copy(dest, v)), fuse.OK
}

// SetXAttr sets an extended attribute.
func (f *FS) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	return f.setAttr(in.NodeId, Event{Attr: name, Value: string(data)})
}

// RemoveXAttr removes an extended attribute.
func (f *FS) RemoveXAttr(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.setAttr(h.NodeId, Event{Attr: name, Gone: true})
}

func (f *FS) setAttr(id uint64, e Event) fuse.Status {
	n, st := f.at(id)
	defer f.mu.Unlock()
	if !st.Ok() {
		return st
	}
	if _, ok := n.meta.Attrs[e.Attr]; e.Gone && !ok {
		return enodata
	}
	if n.meta.Attrs == nil {
		n.meta.Attrs = map[string]string{}
	}
	if e.Gone {
		delete(n.meta.Attrs, e.Attr)
	} else {
		n.meta.Attrs[e.Attr] = e.Value
	}
	e.Kind, e.Ino, e.Path = SetAttr, n.ino, f.fileName(n)
	f.add(e, nil)
	return fuse.OK
}
