package memfs

import "fmt"

// Kind is what an event does.
type Kind string

// The events. Mark, Sync and SyncFailed change nothing.
const (
	Create   Kind = "create" // also of folders and links
	Link     Kind = "link"
	Unlink   Kind = "unlink" // also rmdir
	Rename   Kind = "rename"
	Exchange Kind = "exchange"
	Write    Kind = "write"
	Truncate Kind = "truncate" // also what grows a file without writing
	SetMeta  Kind = "setmeta"  // mode, owner, time
	SetAttr  Kind = "setattr"  // an extended attribute
	Sync     Kind = "sync"     // of a file or folder
	Mark     Kind = "mark"
	// SyncFailed is a sync that was answered with EIO. As in the kernel, what had been written into the file by then
	// counts as written back, so that no later sync makes it durable.
	SyncFailed Kind = "failed sync"
)

// Event is one change, as it was when it was complete. Folders and files are named by inode numbers.
type Event struct {
	Kind Kind
	Ino  uint64 // what is made, linked, renamed, written, synced, …
	// Dir and Name are the name that is made or goes; Dir2 and Name2 the new name of a rename, or the other one of an
	// exchange, at which Ino2 was.
	Dir, Dir2   uint64
	Name, Name2 string
	Ino2        uint64
	Path        string // for messages: where it was, at the time

	New   *Inode // Create
	Off   int64  // Write; Truncate: the size
	Data  []byte // Write, Mark
	Mode  uint32 // SetMeta: all of them as they are after it
	UID   uint32
	GID   uint32
	Mtime int64  // also of Write and Truncate
	Attr  string // SetAttr
	Value string // SetAttr
	Gone  bool   // SetAttr: removed

	// Since is, of a sync, the number of events that were complete when it arrived: what it makes durable is among them.
	Since int
}

// String is the event on one line.
func (e Event) String() string {
	s := fmt.Sprintf("%s %s", e.Kind, e.Path)
	switch e.Kind {
	case Rename, Exchange:
		s += fmt.Sprintf(" (inode %d) with %d/%s", e.Ino, e.Dir2, e.Name2)
	case Write:
		s += fmt.Sprintf(" [%d, +%d)", e.Off, len(e.Data))
	case Truncate:
		s += fmt.Sprintf(" to %d", e.Off)
	case Mark:
		s += " " + string(e.Data)
	}
	return s
}

// Names says that the event changes names and not inodes.
func (e *Event) Names() bool {
	switch e.Kind {
	case Create, Link, Unlink, Rename, Exchange:
		return true
	}
	return false
}

// Apply does a name event to an image. Half leaves the old name of a rename in place beside the new one.
func (m *Image) Apply(e *Event, half bool) {
	switch e.Kind {
	case Create, Link:
		m.set(e.Dir, e.Name, e.Ino)
	case Unlink:
		m.set(e.Dir, e.Name, 0)
	case Rename:
		if !half {
			m.set(e.Dir, e.Name, 0)
		}
		m.set(e.Dir2, e.Name2, e.Ino)
	case Exchange:
		m.set(e.Dir, e.Name, e.Ino2)
		m.set(e.Dir2, e.Name2, e.Ino)
	}
}

// Change does an event on an inode to an image.
func (m *Image) Change(e *Event) {
	n := m.Nodes[e.Ino]
	if n == nil {
		return
	}
	switch e.Kind {
	case Write:
		m.Write(e, e.Data, e.Off)
	case Truncate:
		m.grow(e.Ino, n, e.Off)
		n.Data, n.Mtime = n.Data[:e.Off], e.Mtime
	case SetMeta:
		n.Mode, n.UID, n.GID, n.Mtime = e.Mode, e.UID, e.GID, e.Mtime
	case SetAttr:
		if n.Attrs == nil {
			n.Attrs = map[string]string{}
		}
		if e.Gone {
			delete(n.Attrs, e.Attr)
		} else {
			n.Attrs[e.Attr] = e.Value
		}
	}
}

// Write does a part of a write event to an image: data at off. The file grows to the end of the whole write.
func (m *Image) Write(e *Event, data []byte, off int64) {
	n := m.Nodes[e.Ino]
	if n == nil {
		return
	}
	m.grow(e.Ino, n, e.Off+int64(len(e.Data)))
	copy(n.Data[off:], data)
	n.Mtime = e.Mtime
}

// grow gives an inode data of its own, of at least a size.
func (m *Image) grow(ino uint64, n *Inode, size int64) {
	size = max(size, int64(len(n.Data)))
	if m.own[ino] && size == int64(len(n.Data)) {
		return
	}
	if m.own == nil {
		m.own = map[uint64]bool{}
	}
	n.Data, m.own[ino] = resized(n.Data, size), true
}

// resized copies data to a new size.
func resized(data []byte, size int64) []byte {
	d := make([]byte, size)
	copy(d, data)
	return d
}

func (m *Image) set(dir uint64, name string, ino uint64) {
	d := m.Nodes[dir]
	if d == nil {
		return
	}
	if ino == 0 {
		delete(d.Kids, name)
		return
	}
	if d.Kids == nil {
		d.Kids = map[string]uint64{}
	}
	d.Kids[name] = ino
}
