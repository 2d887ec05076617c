package recovery

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/journal"
)

// After a restart, what an earlier transaction of level process had replaced may be back. It is nobody's newer file: the
// later transaction is torn.
func TestTornBackToEarlier(t *testing.T) {
	w := newWorld(t)
	w.write("T", "old")
	w.install(exchange, "T", "first")
	w.process("another boot", 1)
	w.put(journal.Decided) // acknowledged; the power cut takes its exchange back
	w.remove(".txcommit/stage/" + txid)
	w.remove(".txcommit/stage/" + txid + OwnerSuffix)
	later := *w.rec
	later.ID, later.Seq = uuid.MustParse("019a1f0e-5d5d-7cc8-a9a5-0d1f6c1b2a3f"), 1
	s := w.rec.Steps[0]
	s.Old.Inode, s.New.Ino = s.New, s.New.Ino+1000000
	later.Steps = []journal.Step{s}
	w.must(w.env.DB.Put(nil, &later))
	rep, err := w.recover()
	if !errors.Is(err, ErrTorn) {
		t.Errorf("recover: %+v, %v; want that T is torn", rep, err)
	}
}

// A folder that is to be moved and is not there any more when its turn comes undoes the commit, as it does a moment later.
func TestMoveOfNothing(t *testing.T) {
	w := newWorld(t)
	w.write("T", "old")
	w.install(exchange, "T", "new")
	moved(none, nothingSince)(w)
	_, err := w.run(func() { w.remove("A") })
	var back *RolledBack
	if !errors.As(err, &back) {
		t.Errorf("Resume: %v, want that it was rolled back: the rename was not done", err)
	}
	w.wantTree(map[string]string{"T": "old"})
}

func nothingSince(*world) {}

// A file that gets a second name after it was looked at is one of several when it is removed: its record must go before the
// commit is acknowledged, or a redo could remove it once more from where somebody has put it back.
func TestRemovedFileWithNewName(t *testing.T) {
	w := newWorld(t)
	gone(none, nothing)(w)
	r, err := w.run(func() { w.link("T", "U") })
	w.must(err)
	w.must(r.Finish())
	if all, err := w.env.DB.Records(); err != nil || len(all) != 0 {
		t.Errorf("%d records are left (%v), want none", len(all), err)
	}
	w.wantTree(map[string]string{"U": "old"})
	w.settled()
}

// Of a removal that a power cut has shown half of, the folder was moved away since: it is not known to be done.
func TestHalfRemoveFolderMoved(t *testing.T) {
	w := newWorld(t)
	inFolder(journal.Remove, false)(w)
	n := w.staged(OldName(w.rec.Steps[0].Num))
	w.remove(n)
	w.link("d/T", n)
	w.put(journal.Decided)
	w.rename("d", "e")
	if rep, err := w.recover(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("recover: %+v, %v; want ErrIncomplete: e/T is still there", rep, err)
	}
}

// Of an install that is to be undone a power cut has shown half, and the folder was moved away since: the new file is in the
// tree still, so that the transaction is not undone.
func TestHalfInstallFolderMoved(t *testing.T) {
	for _, c := range []struct {
		name string
		half bool
		want error
	}{{"half", true, ErrIncomplete}, {"not done", false, nil}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.mkdir("d")
			s := w.install(exchange, "d/T", "new")
			if c.half {
				w.link(w.staged(NewName(s.Num)), "d/T")
			}
			w.put(journal.Aborting)
			w.rename("d", "e")
			if rep, err := w.recover(); !errors.Is(err, c.want) {
				t.Errorf("recover: %+v, %v; want %v", rep, err, c.want)
			}
			if !c.half {
				return
			}
			w.rename("e", "d")
			if rep, err := w.recover(); err != nil {
				t.Errorf("the folder is back: recover: %+v, %v", rep, err)
			}
			w.wantTree(map[string]string{"d": "folder 0755"})
		})
	}
}

// Of a rename onto a free name that is to be undone a power cut has shown both names, and the folder was moved away since. That
// cannot be told from one that was never done: the transaction stays incomplete until the folder is back.
func TestHalfRenameFolderMoved(t *testing.T) {
	for _, half := range []bool{true, false} {
		w := newWorld(t)
		w.mkdir("d")
		w.write("from", "x")
		s := w.step(journal.Install, exchange|journal.Linked, "d/T")
		w.link("from", w.staged(NewName(s.Num)))
		w.prepared(s)
		if half {
			w.link(w.staged(NewName(s.Num)), "d/T")
		}
		w.put(journal.Aborting)
		w.rename("d", "e")
		if rep, err := w.recover(); !errors.Is(err, ErrIncomplete) {
			t.Errorf("half %v: recover: %+v, %v; want ErrIncomplete", half, rep, err)
		}
		w.rename("e", "d")
		if rep, err := w.recover(); err != nil {
			t.Errorf("half %v: the folder is back: recover: %+v, %v", half, rep, err)
		}
		w.wantTree(map[string]string{"d": "folder 0755", "from": "x"})
	}
}
