package model

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
)

// judgement is what recovery made of a state.
type judgement struct {
	report *oracle.Report
	moved  bool // the tree
	events []memfs.Event
}

// judge shows a state, recovers it and asks the oracle. Any error is a violation.
func (x *Explorer) judge(s *State, m *memfs.Mount, record bool) (*judgement, error) {
	at := fmt.Sprintf("w%d", x.shown) // the kernel remembers names
	m.Show(at, s.Image)
	m.Exchange(!s.NoExchange)
	m.Tick()
	defer m.Drop(at)
	before, err := Seen(s.Image)
	if err != nil {
		return nil, err
	}
	if record {
		m.Record(at, "mark")
	}
	dir := filepath.Join(m.Dir, at)
	j := &judgement{}
	j.report, err = oracle.Recover(x.run, filepath.Join(dir, "root"))
	if record {
		j.events = m.Recorded()
	}
	if err != nil {
		return nil, err
	}
	if err := s.Case.CheckReport(j.report, s.Acked); err != nil {
		return nil, err
	}
	image := m.Take(at)
	after, err := Seen(image)
	if err != nil {
		return nil, err
	}
	j.moved = !maps.Equal(before.Tree, after.Tree)
	if !s.Again && s.Stranger == nil {
		if err := s.Case.CheckTorn(j.report, after, s.Acked); err != nil {
			return nil, err
		}
	}
	if err := s.check(image, after); err != nil {
		return nil, err
	}
	if err := x.checkJournal(image); err != nil {
		return nil, err
	}
	return j, x.again(j, m, dir, after)
}

// check asks the oracle about what recovery has left.
func (s *State) check(m *memfs.Image, after *oracle.Seen) error {
	if s.Stranger == nil {
		if _, err := s.Case.Check(after, s.Acked); err != nil {
			return err
		}
		left, err := look(m, "src")
		if err != nil {
			return err
		}
		return s.Case.CheckSources(left.Tree, after, s.Acked)
	}
	if err := s.Stranger.kept(m); err != nil {
		return err
	}
	return s.Case.CheckDisturbed(after, s.Acked, s.Stranger.Path, s.Stranger.Breaks)
}

// again recovers once more, and at times lets the store take another transaction. A store that needed nothing is asked
// less often.
func (x *Explorer) again(j *judgement, m *memfs.Mount, dir string, after *oracle.Seen) error {
	idle := len(j.report.Recovered) == 0 && j.report.Swept == 0
	if idle && x.skips(4) || x.skips(4) {
		return nil
	}
	r, err := oracle.Recover(x.run, filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	if r.Exit != 0 || r.Result != "clean" || len(r.Recovered) > 0 || r.Swept > 0 {
		return fmt.Errorf("second recovery: exit code %d, want nothing to do\n%s", r.Exit, r.Text)
	}
	again, err := Seen(m.Take(filepath.Base(dir)))
	if err != nil {
		return err
	}
	if err := oracle.SameSeen(after, again); err != nil {
		return err
	}
	if x.skips(8) {
		return nil
	}
	return oracle.Next(x.run, dir, after)
}

// skips says to leave something out, which is done one in n times only; but always when a state is replayed.
func (x *Explorer) skips(n int) bool { return x.rng != nil && x.rng.IntN(n) != 0 }

// checkJournal lets bbolt check the journal of an image, in a file that is not on a mount of this process.
func (x *Explorer) checkJournal(m *memfs.Image) error {
	ino := m.At("root/" + stateFolder + "/journal.db")
	if ino == 0 {
		return nil
	}
	h := (&memfs.Image{Root: 1, Nodes: map[uint64]*memfs.Inode{
		1: {Mode: m.Nodes[m.Root].Mode, Kids: map[string]uint64{"j": 2}}, 2: {Data: m.Nodes[ino].Data},
	}}).Hash(1)
	if x.checks[h] {
		return nil
	}
	x.checks[h] = true
	at := filepath.Join(x.dir, "journal.db")
	if err := os.WriteFile(at, m.Nodes[ino].Data, 0o600); err != nil {
		return err
	}
	return oracle.CheckJournal(at)
}
