package model

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// Run is a workload that was recorded.
type Run struct {
	*Recording
	Case *oracle.Case
	// Start is what the root was like before the first step.
	Start *oracle.Seen
	// acked is, by number of events, how many steps had been acknowledged then.
	acked []int
	// applying says, by number of events, that a transaction was between the beginning of its put and its end.
	applying []bool
}

// name is that of the workload's folder in the mount.
const name = "w"

// Record runs a workload with the binary bin on a mount, and records it.
func Record(w *workload.Workload, bin string, m *memfs.Mount) (*Run, error) {
	dir := m.Dir + "/" + name
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	defer m.Drop(name)
	if err := w.Build(dir); err != nil {
		return nil, fmt.Errorf("seed %d: build: %w", w.Seed, err)
	}
	start, err := Seen(m.Take(name))
	if err != nil {
		return nil, err
	}
	c, err := oracle.NewCase(w, start)
	if err != nil {
		return nil, err
	}
	base := m.Record(name, "mark")
	for i := range w.Steps {
		m.Tick()
		m.Refuse(w.Steps[i].Refuse)
		err := w.Run(i, bin, dir)
		if err == nil && !m.Refused() {
			err = fmt.Errorf("seed %d: step %d: the rename that was to be refused did not come", w.Seed, i)
		}
		m.Refuse(0)
		if err != nil {
			return nil, err
		}
	}
	r := &Run{Recording: NewRecording(base, m.Recorded()), Case: c, Start: start}
	return r, r.countMarks()
}

// countMarks finds out what was acknowledged when, and checks that the recorder was not deaf.
func (r *Run) countMarks() error {
	n, applying := 0, false
	trash := r.trash()
	counts := map[memfs.Kind]int{}
	for i := range r.Events {
		r.acked, r.applying = append(r.acked, n), append(r.applying, applying)
		e := &r.Events[i]
		switch {
		case e.Kind == memfs.Write && e.Path == "root/"+stateFolder+"/journal.db":
			applying = true
		case e.Kind == memfs.Mark, e.Kind == memfs.Rename && e.Dir2 == trash:
			applying = false
		}
		counts[e.Kind]++
		if e.Kind == memfs.Sync && r.folders[e.Ino] {
			counts["sync of a folder"]++
		}
		if e.Kind != memfs.Mark {
			continue
		}
		k, err := strconv.Atoi(string(e.Data))
		if err != nil || k != n+1 {
			return fmt.Errorf("mark %q after %d", e.Data, n)
		}
		n = k
	}
	r.acked, r.applying = append(r.acked, n), append(r.applying, applying)
	if n != len(r.Case.W.Steps) || counts[memfs.Sync] == 0 || counts["sync of a folder"] == 0 || counts[memfs.Write] == 0 {
		return fmt.Errorf("the recorder missed something: %d steps, %v", len(r.Case.W.Steps), counts)
	}
	return nil
}

// trash is the folder into which the stage folders of transactions go that have ended.
func (r *Run) trash() uint64 {
	for i := range r.Events {
		if e := &r.Events[i]; e.Kind == memfs.Create && e.Path == "root/"+stateFolder+"/trash" {
			return e.Ino
		}
	}
	return 0
}

// Seen is what oracle.Look would see in the root of a workload's folder.
func Seen(m *memfs.Image) (*oracle.Seen, error) {
	root := m.At("root")
	if root == 0 {
		return nil, fmt.Errorf("root: %w", os.ErrNotExist)
	}
	s := &oracle.Seen{Tree: map[string]oracle.Found{}}
	m.Walk(root, func(p string, ino uint64, n *memfs.Inode) {
		if p == stateFolder {
			s.State = []string{}
		}
		if len(p) > len(stateFolder) && p[:len(stateFolder)+1] == stateFolder+"/" {
			s.State = append(s.State, p[len(stateFolder)+1:])
		} else if p != stateFolder {
			s.Tree[p] = found(ino, n)
		}
	})
	return s, nil
}

const stateFolder = ".txcommit"

func found(ino uint64, n *memfs.Inode) oracle.Found {
	f := oracle.Found{Mode: n.Mode & 0o7777, UID: n.UID, GID: n.GID, Ino: ino, Mtime: n.Mtime, Attr: n.Attrs[workload.AttrName]}
	switch n.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		f.Kind = workload.Folder
	case syscall.S_IFLNK:
		f.Kind, f.Text = workload.Link, string(n.Data)
	case syscall.S_IFREG:
		f.Kind, f.Text = workload.File, string(n.Data)
	}
	return f
}

// Record records a workload on a mount of its own.
func (x *Explorer) Record(w *workload.Workload) (_ *Run, err error) {
	m, err := memfs.New(filepath.Join(x.dir, "recording"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return Record(w, x.Bin, m)
}
