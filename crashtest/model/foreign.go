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
	Path string
	Text string // content that must not be lost; empty if it has left none
	// Breaks says that it has broken a condition of the transaction in flight that recovery has to look at again: the
	// transaction must not take effect.
	Breaks bool
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
	if len(files) == 0 || s.Case.W.Steps[s.Acked].Act != nil {
		return nil
	}
	p := files[x.rng.IntN(len(files))]
	n := State{Case: s.Case, Image: s.Image.Clone(), Acked: s.Acked}
	kind := []workload.ActKind{workload.Replace, workload.Edit, workload.Delete, workload.Chmod}[x.rng.IntN(4)]
	if _, isThere := seen.Tree[p]; !isThere {
		kind = workload.Replace
	}
	n.Stranger = act(n.Image, kind, p)
	n.Stranger.Breaks = kind != workload.Chmod && s.Case.Expects(seen, s.Acked, p)
	n.How = fmt.Sprintf("%s\nthen a foreign program: %s %s", s.How, kind, p)
	return &n
}

// act changes a file of an image, or puts one at a free name.
func act(m *memfs.Image, kind workload.ActKind, p string) *Stranger {
	const later = 1 << 40 // nanoseconds, so that it is seen
	w := &Stranger{Path: p}
	dir := m.Nodes[m.At(path.Join("root", path.Dir(p)))]
	if dir.Kids == nil {
		dir.Kids = map[string]uint64{}
	}
	old := m.Nodes[dir.Kids[path.Base(p)]]
	if old == nil {
		old = dir
	}
	switch kind {
	case workload.Replace:
		w.Text = "a stranger's file"
		ino := memfs.NewIno()
		m.Nodes[ino] = &memfs.Inode{Mode: syscall.S_IFREG | 0o644, Mtime: old.Mtime + later, Data: []byte(w.Text)}
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

// kept says whether what a stranger has left can be found: in the tree, or put aside.
func (w *Stranger) kept(m *memfs.Image) error {
	if w.Text == "" {
		return nil
	}
	found := false
	m.Walk(m.At("root"), func(p string, _ uint64, n *memfs.Inode) {
		inStore := strings.HasPrefix(p, stateFolder+"/") && !strings.HasPrefix(p, stateFolder+"/displaced/")
		found = found || !inStore && string(n.Data) == w.Text
	})
	if !found {
		return fmt.Errorf("%s: what a foreign program has put there is lost", w.Path)
	}
	return nil
}
