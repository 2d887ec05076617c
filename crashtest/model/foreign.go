package model

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// Stranger is what a foreign program has done to a file between a crash and its recovery.
type Stranger struct {
	Kind workload.ActKind
	Path string
	// Mode is that of its file, which nobody may change; 0 if it has left none of its own.
	Mode uint32
	// Stays says that nothing of the transaction comes to this path, so that its file must not be moved away.
	Stays bool
	Text  string // content that must not be lost; empty if it has left none
	// Breaks says that it has broken a condition of the transaction in flight that recovery has to look at again: the
	// transaction must not take effect.
	Breaks bool
}

// Recreate deletes a file and makes another one of the same name, which gets the number of the first: ext4 gives out a
// freed number again at once.
const Recreate workload.ActKind = "recreate"

// Strangers are what foreign programs do; those are named twice that are told apart least easily.
var Strangers = []workload.ActKind{
	workload.Replace, Recreate, Recreate, workload.Relink, workload.Edit, workload.Delete, workload.Chmod,
}

// disturb lets a foreign program change or make, in a copy of a state, a file that the transaction in flight is about.
// It returns nil where there is none.
func (x *Explorer) disturb(s *State) *State {
	if s.Acked == len(s.Case.W.Steps) {
		return nil
	}
	var files []string
	seen, err := Seen(s.Image)
	if err != nil {
		return nil
	}
	for _, p := range slices.Sorted(maps.Keys(seen.Tree)) {
		touched := slices.ContainsFunc(s.Case.W.Steps[s.Acked].Touched, func(t string) bool { return p == t || strings.HasPrefix(p, t+"/") })
		if touched && seen.Tree[p].Kind == workload.File {
			files = append(files, p)
		}
	}
	for _, p := range s.Case.W.Steps[s.Acked].Touched { // names that are free, in folders that are there
		dir, isThere := s.Image.Nodes[s.Image.At(path.Join("root", path.Dir(p)))]
		if isThere && dir.IsFolder() && dir.Kids[path.Base(p)] == 0 {
			files = append(files, p)
		}
	}
	if len(files) == 0 || s.Case.W.Steps[s.Acked].Act != nil || s.Case.Racing(s.Acked) {
		return nil
	}
	named := slices.DeleteFunc(slices.Clone(files), func(p string) bool { return !s.Case.Names(s.Acked, p) })
	expects := func(p string) bool { return !halfOut(s.Image, p) && s.Case.Expects(seen, s.Acked, p) }
	bound := slices.DeleteFunc(slices.Clone(named), func(p string) bool { return !expects(p) })
	for _, some := range [][]string{named, bound} { // more often what an op is on, and what has a condition
		if len(some) > 0 && x.rng.IntN(2) == 0 {
			files = some
		}
	}
	p := files[x.rng.IntN(len(files))]
	n := *s
	n.Image = s.Image.Clone()
	kind := Strangers[x.rng.IntN(len(Strangers))]
	if _, isThere := seen.Tree[p]; !isThere {
		kind = workload.Replace
	}
	n.Stranger = act(n.Image, kind, p)
	n.Stranger.Breaks = kind != workload.Chmod && expects(p)
	n.Stranger.Stays = n.Stranger.Mode != 0 && s.Case.Leaves(s.Acked, p)
	n.How = fmt.Sprintf("%s\nthen a foreign program: %s %s", s.How, kind, p)
	return &n
}

// act changes a file of an image, or puts one at a free name.
func act(m *memfs.Image, kind workload.ActKind, p string) *Stranger {
	const later = 1 << 40 // nanoseconds, so that it is seen
	w := &Stranger{Kind: kind, Path: p}
	dir := m.Nodes[m.At(path.Join("root", path.Dir(p)))]
	if dir.Kids == nil {
		dir.Kids = map[string]uint64{}
	}
	old := m.Nodes[dir.Kids[path.Base(p)]]
	if old == nil {
		old = dir
	}
	switch kind {
	case workload.Replace, Recreate, workload.Relink:
		w.Text, w.Mode = "a stranger's file", syscall.S_IFREG|0o646
		if kind == workload.Relink {
			w.Text, w.Mode = "a stranger's link", syscall.S_IFLNK|0o777
		}
		ino := memfs.NewIno()
		if was := dir.Kids[path.Base(p)]; kind == Recreate && names(m, was) == 1 {
			ino = was
		}
		m.Nodes[ino] = &memfs.Inode{Mode: w.Mode, Mtime: old.Mtime + later, Born: old.Mtime + later, Data: []byte(w.Text)}
		dir.Kids[path.Base(p)] = ino
	case workload.Edit:
		old.Data, old.Mtime = append([]byte("a stranger's words"), old.Data...), old.Mtime+later
		w.Text = string(old.Data)
	case workload.Delete:
		delete(dir.Kids, path.Base(p))
	default:
		old.Mode ^= 0o022
	}
	return w
}

// halfOut says that a rename of what is at p into a stage folder shows both names: the op has acted, and no foreign program
// can break its condition any more.
func halfOut(m *memfs.Image, p string) (half bool) {
	stage := "root/" + stateFolder + "/stage/"
	at := m.At(path.Join("root", p))
	m.Walk(m.Root, func(q string, ino uint64, _ *memfs.Inode) {
		half = half || at != 0 && ino == at && strings.HasPrefix(q, stage) && path.Ext(q) == ".old"
	})
	return half
}

// names counts the names of an inode.
func names(m *memfs.Image, ino uint64) (n int) {
	m.Walk(m.Root, func(_ string, i uint64, _ *memfs.Inode) {
		if i == ino {
			n++
		}
	})
	return n
}

// kept says whether what a stranger has left can be found: in the tree, or put aside.
func (w *Stranger) kept(m *memfs.Image) error {
	if w.Text == "" {
		return nil
	}
	var found *memfs.Inode
	at := ""
	m.Walk(m.At("root"), func(p string, _ uint64, n *memfs.Inode) {
		inStore := strings.HasPrefix(p, stateFolder+"/") && !strings.HasPrefix(p, stateFolder+"/displaced/")
		if !inStore && string(n.Data) == w.Text {
			found, at = n, p
		}
	})
	switch {
	case found == nil:
		return fmt.Errorf("%s: what a foreign program has put there is lost", w.Path)
	case w.Mode != 0 && found.Mode != w.Mode:
		return fmt.Errorf("%s: what a foreign program has put there has mode %o, had %o", w.Path, found.Mode, w.Mode)
	case w.Stays && at != w.Path:
		return fmt.Errorf("%s: what a foreign program has put there is at %s", w.Path, at)
	}
	return nil
}
