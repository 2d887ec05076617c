package memfs

import (
	"maps"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// FS is the file system of one mount.
type FS struct {
	fuse.RawFileSystem

	mu     sync.Mutex
	nodes  map[uint64]*node // by the kernel's id
	nextID uint64
	listed map[uint64][]fuse.DirEntry // snapshots of folders that are being read
	snaps  uint64                     // how many there were

	now   int64         // the time, in nanoseconds; see Tick
	cache time.Duration // how long the kernel may keep names and attributes

	// log is not nil while a tree is recorded.
	log []Event
	rec *recorder
	// refuse counts down the renames into or out of the tree to the one that is refused, fail the syncs to the one that
	// fails.
	refuse, fail int
	failAt       string // what the path of a sync must contain to count
	// noExchange says that names cannot be exchanged, folds that they are the same whatever their case.
	noExchange, folds bool
}

// recorder says what is recorded, and as what.
type recorder struct {
	top  *node
	mark *node
}

// node is a live inode.
type node struct {
	id     uint64 // the kernel's
	ino    uint64
	meta   Inode // Kids is not used
	kids   map[string]*node
	up     *node // of a folder
	links  uint32
	shared bool // meta.Data belongs to an image too: copy before writing
}

// lastIno is the highest inode number that was given out, by any FS of this process.
var lastIno atomic.Uint64

// NewIno gives out an inode number.
func NewIno() uint64 { return lastIno.Add(1) }

// Reserve keeps inode numbers up to ino from being given out: they are those of images from elsewhere.
func Reserve(ino uint64) {
	for last := lastIno.Load(); last < ino && !lastIno.CompareAndSwap(last, ino); last = lastIno.Load() {
	}
}

func newFS() *FS {
	f := &FS{RawFileSystem: fuse.NewDefaultRawFileSystem(), nodes: map[uint64]*node{}, listed: map[uint64][]fuse.DirEntry{}}
	f.now = clock.Add(int64(time.Second))
	root := f.newNode(Inode{Mode: syscall.S_IFDIR | 0o755})
	root.up = root
	return f
}

// newNode makes an inode without a name. The first one is the root: the kernel calls it 1.
func (f *FS) newNode(meta Inode) *node {
	f.nextID++
	n := &node{id: f.nextID, ino: lastIno.Add(1), meta: meta}
	n.meta.Mtime, n.meta.Born = f.now, f.now
	if n.meta.IsFolder() {
		n.kids = map[string]*node{}
	}
	f.nodes[n.id] = n
	return n
}

// clock is the time of the FS that was made or ticked last: each later one is ahead of it.
var clock atomic.Int64

func init() { clock.Store(time.Now().UnixNano()) }

// Tick lets a second pass. Otherwise time stands still, as it does for a moment on any file system: a program that asks
// for times without waiting for the server would be told by the kernel when a file was made, not when it was written.
func (f *FS) Tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = clock.Add(int64(time.Second))
}

// Show shows an image as the folder name.
func (f *FS) Show(name string, m *Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	made := map[uint64]*node{}
	top := f.show(m, m.Root, made)
	top.up = f.nodes[1]
	f.nodes[1].kids[name] = top
}

func (f *FS) show(m *Image, ino uint64, made map[uint64]*node) *node {
	if n := made[ino]; n != nil && n.kids == nil {
		n.links++
		return n
	}
	f.nextID++
	src := m.Nodes[ino]
	delete(m.own, ino)
	n := &node{id: f.nextID, ino: ino, meta: *src, links: 1, shared: true}
	n.meta.Kids, n.meta.Attrs = nil, maps.Clone(src.Attrs)
	f.nodes[n.id], made[ino] = n, n
	if src.IsFolder() {
		n.kids = map[string]*node{}
		for name, kid := range src.Kids {
			k := f.show(m, kid, made)
			if k.kids != nil {
				k.up = n
			}
			n.kids[name] = k
		}
	}
	return n
}

// Take returns what the folder name shows now.
func (f *FS) Take(name string) *Image {
	f.mu.Lock()
	defer f.mu.Unlock()
	return take(f.nodes[1].kids[name])
}

func take(top *node) *Image {
	m := &Image{Root: top.ino, Nodes: map[uint64]*Inode{}}
	m.take(top)
	return m
}

func (m *Image) take(n *node) {
	if m.Nodes[n.ino] != nil {
		return
	}
	c := n.meta
	c.Attrs = maps.Clone(n.meta.Attrs)
	n.shared = true
	m.Nodes[n.ino] = &c
	if n.kids == nil {
		return
	}
	c.Kids = make(map[string]uint64, len(n.kids))
	for name, k := range n.kids {
		c.Kids[name] = k.ino
		m.take(k)
	}
}

// Drop stops showing the folder name. Nobody may use it any more.
func (f *FS) Drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	top := f.nodes[1].kids[name]
	if top == nil {
		return
	}
	delete(f.nodes[1].kids, name)
	f.drop(top)
}

func (f *FS) drop(n *node) {
	delete(f.nodes, n.id)
	for _, k := range n.kids {
		f.drop(k)
	}
}

// Record begins to record what happens below the folder name. Writes to the file mark in it become marks.
func (f *FS) Record(name, mark string) *Image {
	f.mu.Lock()
	defer f.mu.Unlock()
	top := f.nodes[1].kids[name]
	f.rec, f.log = &recorder{top: top, mark: top.kids[mark]}, nil
	return take(top)
}

// Recorded ends the recording and returns it.
func (f *FS) Recorded() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.rec, f.log = nil, nil
	return log
}

// add adds an event to the log. Its path is made up for messages.
func (f *FS) add(e Event, dir *node) {
	if f.rec == nil {
		return
	}
	if dir != nil {
		e.Path = f.path(dir) + e.Name
	}
	f.log = append(f.log, e)
}

// path is that of a folder below the one that is recorded, with a slash at its end.
func (f *FS) path(d *node) string {
	if d == f.rec.top || d == nil || d.up == d {
		return ""
	}
	for name, k := range d.up.kids {
		if k == d {
			return f.path(d.up) + name + "/"
		}
	}
	return "?/"
}

// fileName is some path of a file, for messages.
func (f *FS) fileName(n *node) string {
	if f.rec == nil {
		return ""
	}
	if n.kids != nil {
		return f.path(n)
	}
	if p := f.find(f.rec.top, n, ""); p != "" {
		return p
	}
	return "?"
}

func (f *FS) find(d, n *node, prefix string) string {
	for name, k := range d.kids {
		if k == n {
			return prefix + name
		}
		if k.kids != nil {
			if p := f.find(k, n, prefix+name+"/"); p != "" {
				return p
			}
		}
	}
	return ""
}
