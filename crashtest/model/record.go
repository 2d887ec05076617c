package model

import (
	"errors"
	"fmt"
	"math/rand/v2"
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
	// NoExchange says that names could not be exchanged.
	NoExchange bool
	// stopped says that a failing sync has ended the run: the process with an exit code, or an act with -1.
	stopped bool
	exit    int
	// order is that in which the transactions of the race have taken effect.
	order int
}

// Mode says what is wrong with the file system on which a workload runs.
type Mode struct {
	NoExchange bool // it cannot exchange names
	FailSync   int  // the number of the sync that fails; 0: none
	Staged     bool // only syncs of what is staged for a write, a link or a rename count
}

// ModeOf is the mode of a seed: one in four cannot exchange names, and with one in six a sync fails.
func ModeOf(seed uint64) Mode {
	m := Mode{NoExchange: seed%4 == 1}
	if seed%6 == 4 {
		m.FailSync = 1 + rand.New(rand.NewPCG(seed, 4)).IntN(40)
	}
	return m
}

// name is that of the workload's folder in the mount.
const name = "w"

// Record runs a workload with the binary bin on a mount, and records it.
func Record(w *workload.Workload, bin string, mode Mode, m *memfs.Mount) (*Run, error) {
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
	m.Exchange(!mode.NoExchange)
	base := m.Record(name, "mark")
	where := ""
	if mode.Staged {
		where = ".new"
	}
	m.FailSync(mode.FailSync, where)
	r := &Run{Case: c, Start: start, NoExchange: mode.NoExchange}
	err = r.steps(bin, dir, mode, m)
	m.FailSync(0, "")
	if err == nil && !r.stopped && len(w.Race) > 0 {
		err = r.race(bin, dir, m)
	}
	if err != nil {
		return nil, err
	}
	r.Recording = NewRecording(base, m.Recorded())
	return r, r.countMarks()
}

// steps runs the steps; with a sync that fails up to the one which that stops.
func (r *Run) steps(bin, dir string, mode Mode, m *memfs.Mount) error {
	w := r.Case.W
	for i := range w.Steps {
		m.Tick()
		m.Refuse(w.Steps[i].Refuse)
		err := w.Run(i, bin, dir)
		if err == nil && !m.Refused() && mode.FailSync == 0 {
			err = fmt.Errorf("seed %d: step %d: the rename that was to be refused did not come", w.Seed, i)
		}
		m.Refuse(0)
		if err != nil && mode.FailSync > 0 {
			r.stopped, r.exit = true, -1
			if wrong := new(workload.OutcomeError); errors.As(err, &wrong) {
				r.exit = wrong.Got
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// race runs the race, and finds out how it has ended.
func (r *Run) race(bin, dir string, m *memfs.Mount) error {
	m.Tick()
	exits, err := r.Case.W.RunRace(bin, dir)
	if err != nil {
		return err
	}
	end, err := Seen(m.Take(name))
	if err == nil {
		r.Case, r.order, err = r.Case.RaceEnded(end, exits)
	}
	return err
}

// at is what is known of a crash after so many events, but for the image that it leaves.
func (r *Run) at(point int) *State {
	s := &State{Case: r.Case, Acked: r.acked[point], NoExchange: r.NoExchange}
	if r.stopped && point == len(r.Events) {
		switch r.exit {
		case 1, 3, 6: // said to have failed
			s.Case = r.Case.Until(s.Acked)
		case 7: // said to be committed
			s.Acked++
		}
	}
	return s
}

// countMarks finds out what was acknowledged when, and checks that the recorder was not deaf.
func (r *Run) countMarks() error {
	n, applying := 0, false
	ended := r.ended()
	counts := map[memfs.Kind]int{}
	for i := range r.Events {
		r.acked, r.applying = append(r.acked, n), append(r.applying, applying)
		e := &r.Events[i]
		switch {
		case e.Kind == memfs.Write && e.Path == "root/"+stateFolder+"/journal.db":
			applying = true
		case e.Kind == memfs.Mark, e.Kind == memfs.Rename && ended[e.Dir2]:
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
		if k < 0 { // of a race, whose transactions come last: that of the first or second process
			n = max(n, len(r.Case.W.Steps)-1+(r.order-1-k)%2)
			continue
		}
		if err != nil || k != n+1 {
			return fmt.Errorf("mark %q after %d", e.Data, n)
		}
		n = k
	}
	r.acked, r.applying = append(r.acked, n), append(r.applying, applying)
	if r.stopped {
		if counts[memfs.SyncFailed] == 0 {
			return fmt.Errorf("stopped with exit code %d without a failing sync", r.exit)
		}
		return nil
	}
	if n != len(r.Case.W.Steps) || counts[memfs.Sync] == 0 || counts["sync of a folder"] == 0 || counts[memfs.Write] == 0 {
		return fmt.Errorf("the recorder missed something: %d steps, %v", len(r.Case.W.Steps), counts)
	}
	return nil
}

// ended are the folders into which the stage folders of transactions go that have ended.
func (r *Run) ended() map[uint64]bool {
	all := map[uint64]bool{}
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind == memfs.Create && (e.Path == "root/"+stateFolder+"/trash" || e.Path == "root/"+stateFolder+"/history") {
			all[e.Ino] = true
		}
	}
	return all
}

// Seen is what oracle.Look would see in the root of a workload's folder.
func Seen(m *memfs.Image) (*oracle.Seen, error) { return look(m, "root") }

func look(m *memfs.Image, dir string) (*oracle.Seen, error) {
	root := m.At(dir)
	if root == 0 {
		return nil, fmt.Errorf("%s: %w", dir, os.ErrNotExist)
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
func (x *Explorer) Record(w *workload.Workload, mode Mode) (_ *Run, err error) {
	m, err := memfs.New(filepath.Join(x.dir, "recording"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return Record(w, x.Bin, mode, m)
}
