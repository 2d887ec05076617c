package memfs

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"maps"
	"path"
	"slices"
	"syscall"
)

// Inode is a file, folder or link of an Image. Mode has the bits of the kind as stat(2) does.
type Inode struct {
	Mode, UID, GID uint32
	Mtime, Born    int64  // nanoseconds; 0 for a birth time that is not kept
	Data           []byte // of a file its content, of a link its target; shared between images, so not to be written
	Kids           map[string]uint64
	Attrs          map[string]string
}

// IsFolder says that the inode is a folder.
func (n *Inode) IsFolder() bool { return n.Mode&syscall.S_IFMT == syscall.S_IFDIR }

// Image is a tree at one moment, by inode numbers.
type Image struct {
	Root  uint64
	Nodes map[uint64]*Inode

	own map[uint64]bool // inodes whose data no other image has
}

// Clone copies an image. File content is shared: changes replace it.
func (m *Image) Clone() *Image {
	c := &Image{Root: m.Root, Nodes: make(map[uint64]*Inode, len(m.Nodes))}
	for ino, n := range m.Nodes {
		k := *n
		k.Kids, k.Attrs = maps.Clone(n.Kids), maps.Clone(n.Attrs)
		c.Nodes[ino] = &k
	}
	return c
}

// At returns the inode at a path below the root, 0 if there is none.
func (m *Image) At(p string) uint64 {
	ino := m.Root
	for _, name := range splitPath(p) {
		n := m.Nodes[ino]
		if n == nil {
			return 0
		}
		ino = n.Kids[name]
	}
	return ino
}

func splitPath(p string) []string {
	if p = path.Clean(p); p == "." {
		return nil
	}
	var out []string
	for p != "" {
		dir, name := path.Split(p)
		out = append(out, name)
		p = path.Clean(dir)
		if p == "." {
			break
		}
	}
	slices.Reverse(out)
	return out
}

// Walk calls f for everything that has a name below the folder top, a folder before what is in it, in the order of the
// names.
func (m *Image) Walk(top uint64, f func(p string, ino uint64, n *Inode)) { m.walk(top, "", f) }

func (m *Image) walk(top uint64, prefix string, f func(p string, ino uint64, n *Inode)) {
	kids := m.Nodes[top].Kids
	for _, name := range slices.SortedFunc(maps.Keys(kids), cmp.Compare[string]) {
		n := m.Nodes[kids[name]]
		f(prefix+name, kids[name], n)
		if n.IsFolder() {
			m.walk(kids[name], prefix+name+"/", f)
		}
	}
}

var seed = maphash.MakeSeed()

// Hash is over all that can be seen below the folder top, with inode numbers and times.
func (m *Image) Hash(top uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	m.Walk(top, func(p string, ino uint64, n *Inode) {
		_, _ = h.WriteString(p) // a hash does not fail
		b := binary.LittleEndian.AppendUint64(nil, ino)
		for _, v := range []uint64{uint64(n.Mode), uint64(n.UID)<<32 | uint64(n.GID), uint64(len(n.Data))} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		if !n.IsFolder() {
			b = binary.LittleEndian.AppendUint64(b, uint64(n.Mtime))
			b = binary.LittleEndian.AppendUint64(b, uint64(n.Born))
		}
		_, _ = h.Write(b)
		_, _ = h.Write(n.Data)
		for _, k := range slices.Sorted(maps.Keys(n.Attrs)) {
			_, _ = h.WriteString(k + "=" + n.Attrs[k] + "\n")
		}
	})
	return h.Sum64()
}
