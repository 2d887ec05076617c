package workload

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is the kind of a node.
type Kind byte

// The kinds of nodes.
const (
	File   Kind = 'f'
	Folder Kind = 'd'
	Link   Kind = 'l'
)

// Node is an inode as it is at one moment. It is never changed: a change makes another Node with the same ID.
type Node struct {
	// ID is the same for all names and all changes of one inode, and different for different inodes.
	ID       int
	Kind     Kind
	Mode     uint32 // permission bits, setuid, setgid, sticky; of no meaning for links
	UID, GID uint32
	Text     string // the content of a file, the target of a link
	Attr     string // the value of the extended attribute AttrName; empty: the file has none
	// Edited says that somebody has written into the file after the start, so that its time is unknown.
	Edited bool
}

// AttrName is the extended attribute that files of a workload may have.
const AttrName = "user.txcommit.lab"

// Tree is a tree by slash-separated paths relative to its root, which itself is not in it. Folders are listed.
type Tree map[string]*Node

func (t Tree) clone() Tree { return maps.Clone(t) }

// Paths returns the paths in order: a folder comes before what is in it.
func (t Tree) Paths() []string { return slices.Sorted(maps.Keys(t)) }

// below returns p and all paths below it.
func (t Tree) below(p string) []string {
	var out []string
	for _, q := range t.Paths() {
		if q == p || strings.HasPrefix(q, p+"/") {
			out = append(out, q)
		}
	}
	return out
}

// kids returns the paths in the folder p.
func (t Tree) kids(p string) []string {
	return slices.DeleteFunc(t.below(p), func(q string) bool { return q == p || parent(q) != p })
}

// names returns the paths of an inode.
func (t Tree) names(id int) []string {
	var out []string
	for _, p := range t.Paths() {
		if t[p].ID == id {
			out = append(out, p)
		}
	}
	return out
}

// remove takes p and all below it away.
func (t Tree) remove(p string) {
	for _, q := range t.below(p) {
		delete(t, q)
	}
}

// change gives all names of an inode its new state.
func (t Tree) change(n *Node) {
	for _, p := range t.names(n.ID) {
		t[p] = n
	}
}

// String is one line a path, for messages.
func (n *Node) String() string {
	if n == nil {
		return "nothing"
	}
	switch n.Kind {
	case Folder:
		return fmt.Sprintf("folder %04o %d:%d", n.Mode, n.UID, n.GID)
	case Link:
		return fmt.Sprintf("link to %q", n.Text)
	}
	text := n.Text
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return fmt.Sprintf("file %04o %d:%d %d bytes %q %q", n.Mode, n.UID, n.GID, len(n.Text), text, n.Attr)
}

// startTime is the modification time of all that a tree starts with: one that no later write has by chance.
var startTime = time.Unix(1_000_000_000, 0)

// Build makes the tree in the folder dir, which must be empty. Nodes with one ID become names of one file.
func (t Tree) Build(dir string) error {
	first := map[int]string{}
	for _, p := range t.Paths() {
		n, at := t[p], filepath.Join(dir, p)
		if q, ok := first[n.ID]; ok && n.Kind != Folder {
			if err := os.Link(q, at); err != nil {
				return err
			}
			continue
		}
		first[n.ID] = at
		if err := n.build(at); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) build(at string) error {
	var err error
	switch n.Kind {
	case Folder:
		err = os.Mkdir(at, 0o700)
	case Link:
		return os.Symlink(n.Text, at)
	case File:
		err = os.WriteFile(at, []byte(n.Text), 0o600)
	}
	if err == nil && n.Attr != "" {
		err = unix.Lsetxattr(at, AttrName, []byte(n.Attr), 0)
	}
	if err == nil && (n.UID != 0 || n.GID != 0) {
		err = os.Lchown(at, int(n.UID), int(n.GID))
	}
	if err == nil {
		err = unix.Chmod(at, n.Mode)
	}
	if err == nil {
		err = os.Chtimes(at, startTime, startTime)
	}
	return err
}

// SyncAll makes everything below dir, and dir itself, durable.
func SyncAll(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}

func parent(p string) string { return path.Dir(p) }

func join(dir, name string) string { return path.Join(dir, name) }
