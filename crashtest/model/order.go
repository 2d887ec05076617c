package model

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/journal"
)

// Order reads a recording for what must have come before what, whatever a power cut would leave: I6 (nothing is renamed
// into or out of the tree before barriers 1 and 2), I7 (no record goes, and no stage folder leaves stage/, before barrier
// 3) and I8 (unfinished records never clash). It returns how many renames, endings and journals it has judged.
func (r *Recording) Order(temp string) (o Ordered, err error) {
	w := &watch{
		Recording: r, temp: temp, stages: map[uint64]uuid.UUID{}, state: map[uint64]bool{}, links: map[uint64]bool{},
		records: map[uuid.UUID]*journal.Record{}, done: map[uuid.UUID][]int{},
	}
	for i := range r.Events {
		if err := w.event(i); err != nil {
			return w.Ordered, fmt.Errorf("event %d: %v: %w", i+1, r.Events[i], err)
		}
	}
	return w.Ordered, nil
}

// Ordered counts what Order has judged.
type Ordered struct{ Renames, Endings, Journals int }

// watch follows a recording.
type watch struct {
	*Recording
	Ordered
	temp    string
	stages  map[uint64]uuid.UUID // stage/<id> and its subfolders
	state   map[uint64]bool      // the folders of the state folder but those
	links   map[uint64]bool      // symbolic links, which cannot be synced
	records map[uuid.UUID]*journal.Record
	done    map[uuid.UUID][]int // the changes of the tree that a transaction has made
}

const journalPath = "root/" + stateFolder + "/journal.db"

func (w *watch) event(i int) error {
	e := &w.Events[i]
	if e.Kind == memfs.Create {
		w.links[e.Ino] = e.New.Mode&syscall.S_IFMT == syscall.S_IFLNK
	}
	switch {
	case e.Kind == memfs.Create && w.folders[e.Ino] && strings.HasPrefix(e.Path, "root/"+stateFolder):
		w.folder(e)
	case e.Kind == memfs.Write && e.Path == journalPath:
		return w.journal(i)
	case e.Kind == memfs.Rename || e.Kind == memfs.Exchange:
		return w.rename(i, e)
	}
	return nil
}

// folder notes a new folder of the state folder. What is deeper than the subfolders of a stage folder comes into the tree.
func (w *watch) folder(e *memfs.Event) {
	parts := strings.Split(strings.TrimPrefix(e.Path, "root/"), "/")
	if len(parts) < 3 || parts[1] != "stage" {
		w.state[e.Ino] = true
		return
	}
	if id, err := uuid.Parse(parts[2]); err == nil && len(parts) <= 4 {
		w.stages[e.Ino] = id
	}
}

// durable says that event j cannot be lost any more at event i.
func (w *watch) durable(j, i int) bool { return w.whole[j] < i }

func (w *watch) rename(i int, e *memfs.Event) error {
	if id, ok := w.stages[e.Ino]; ok && w.state[e.Dir2] && e.Kind == memfs.Rename {
		return w.left(i, id)
	}
	id, from := w.stages[e.Dir]
	id2, to := w.stages[e.Dir2]
	if from == to || w.state[e.Dir] || w.state[e.Dir2] {
		return nil // within the stage folder, or to displaced/
	}
	if to {
		id = id2
	}
	w.Renames++
	rec := w.records[id]
	if rec == nil {
		return fmt.Errorf("I6: the tree is changed, and there is no record of %v", id)
	}
	for j := range i {
		if f := &w.Events[j]; f.Path == journalPath && f.Kind == memfs.Write && !w.durable(j, i) {
			return fmt.Errorf("I6: the tree is changed, and the journal is not durable: %d %v", j+1, f)
		}
	}
	w.done[id] = append(w.done[id], i)
	if rec.Process || rec.State != journal.Decided {
		return nil
	}
	return w.staged(i, e, id)
}

// staged wants what comes out of a stage folder to be durable, as well as its way there: barrier 1.
func (w *watch) staged(i int, e *memfs.Event, id uuid.UUID) error {
	ino := e.Ino
	if e.Kind == memfs.Exchange && w.stages[e.Dir2] == id {
		ino = e.Ino2
	} else if w.stages[e.Dir] != id {
		return nil // out of the tree: the placeholder need not be durable
	}
	for j := range i {
		f := &w.Events[j]
		ours := w.stages[f.Dir] == id || f.Kind == memfs.Create && w.stages[f.Ino] == id
		made := (f.Kind == memfs.Create || f.Kind == memfs.Link) && ours && (f.Ino == ino || w.stages[f.Ino] == id)
		content := f.Ino == ino && !w.links[ino] && (f.Kind == memfs.Write || f.Kind == memfs.Truncate || f.Kind == memfs.SetMeta || f.Kind == memfs.SetAttr)
		if (made || content) && !w.durable(j, i) {
			return fmt.Errorf("I6: the tree is changed, and what is staged is not durable: %d %v", j+1, f)
		}
	}
	return nil
}

// left judges a stage folder that leaves stage/, which means "finished".
func (w *watch) left(i int, id uuid.UUID) error {
	if rec := w.records[id]; rec != nil && rec.Process && rec.State == journal.Decided {
		return nil
	}
	return w.ended(i, id, "its stage folder goes")
}

func (w *watch) ended(i int, id uuid.UUID, how string) error {
	w.Endings++
	for _, j := range w.done[id] {
		if !w.durable(j, i) {
			return fmt.Errorf("I7: %s of %v, and what it has done is not durable: %d %v", how, id, j+1, w.Events[j])
		}
	}
	return nil
}

// journal reads the journal after a write to it. One in the midst of a change shows what was before.
func (w *watch) journal(i int) error {
	image := w.State(&Crash{Point: i + 1})
	now, err := recordsOf(image, w.temp)
	if err != nil {
		return err
	}
	w.Journals++
	for id, was := range w.records {
		rec := now[id]
		gone := rec == nil || rec.State == journal.Kept && was.State != journal.Kept
		if gone && was.State != journal.Abandoned && (!was.Process || was.State != journal.Decided) {
			if err := w.ended(i, id, "the record goes"); err != nil {
				return err
			}
		}
	}
	w.records = now
	return clash(now, image)
}

// recordsOf reads the journal of an image, if there is one.
func recordsOf(m *memfs.Image, temp string) (map[uuid.UUID]*journal.Record, error) {
	ino := m.At(journalPath)
	if ino == 0 || len(m.Nodes[ino].Data) == 0 {
		return nil, nil
	}
	at := filepath.Join(temp, "order.db")
	if err := os.WriteFile(at, m.Nodes[ino].Data, 0o600); err != nil {
		return nil, err
	}
	db, err := journal.OpenReadOnly(os.OpenFile, at)
	if err != nil {
		return nil, err
	}
	all, err := db.Records()
	out := map[uuid.UUID]*journal.Record{}
	for _, rec := range all {
		out[rec.ID] = rec
	}
	return out, errors.Join(err, db.Close())
}

// clash finds two unfinished records that change one path.
func clash(records map[uuid.UUID]*journal.Record, m *memfs.Image) error {
	of := map[string]uuid.UUID{}
	for _, id := range slices.SortedFunc(maps.Keys(records), func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) }) {
		rec := records[id]
		stage := path.Join("root", stateFolder, "stage", id.String())
		if rec.State == journal.Kept || m.At(stage) == 0 {
			continue
		}
		if rec.Detached() {
			steps := m.Nodes[m.At(stage+"/steps")]
			if steps == nil {
				return fmt.Errorf("%v: its steps are missing", id)
			}
			if err := rec.Attach(steps.Data); err != nil {
				return err
			}
		}
		for i := range rec.Steps {
			p := rec.Path(&rec.Steps[i])
			if other, ok := of[p]; ok && other != id {
				return fmt.Errorf("I8: %v and %v are unfinished, and both change %s", other, id, p)
			}
			of[p] = id
		}
	}
	return nil
}
