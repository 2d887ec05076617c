//go:build unix

package recovery

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// A stage folder that is not the recorded one is that of a copied or restored store: every inode differs, so nothing
// can be told, and nothing is touched.
func TestCopiedStore(t *testing.T) {
	for name, copied := range map[string]func(w *world){
		"stage folder": func(w *world) { w.rec.Stage.Ino++ },
		"its birth":    func(w *world) { w.rec.Stage.Born++ },
		"subfolder":    func(w *world) { w.rec.Subs[0].Inode.Ino++ },
	} {
		for _, state := range []journal.State{journal.Decided, journal.Aborting} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				w := newWorld(t)
				after(exchange, func(w *world, n string) { w.exchange("T", n) })(w)
				gone(none, nothing)(w)
				copied(w)
				w.put(state)
				w.stuck("not the recorded one")
			})
		}
	}
}

// In a copy whose stage folder happens to match, targets of other inodes are others' files: none is lost.
func TestForeignInodes(t *testing.T) {
	w := newWorld(t)
	after(exchange, func(w *world, _ string) { w.replace("T", "old") })(w)
	w.put(journal.Decided)
	if _, err := w.recover(); err != nil {
		t.Fatal(err)
	}
	w.wantTree(tNew)
	w.wantDisplaced("old")
	w.settled()
}

// What the stage folder tells of a record: gone and decided is finished, gone and aborting is undone but for the record.
func TestStageGone(t *testing.T) {
	for _, tc := range []struct {
		state   journal.State
		outcome string
	}{{journal.Decided, ""}, {journal.Aborting, "rolled-back"}, {journal.Abandoned, "abandoned"}} {
		t.Run(tc.state.String(), func(t *testing.T) {
			w := newWorld(t)
			after(exchange, nothing)(w)
			w.put(tc.state)
			w.remove(".txcommit/stage/" + txid)
			w.remove(".txcommit/stage/" + txid + OwnerSuffix)
			rep, err := w.recover()
			if err != nil {
				t.Fatal(err)
			}
			if tc.outcome == "" {
				if len(rep.Recovered) > 0 || !slices.Equal(rep.Finished, []uuid.UUID{w.rec.ID}) {
					t.Errorf("report %+v, want it finished", rep)
				}
				if all, err := w.env.DB.Records(); err != nil || len(all) != 1 {
					t.Errorf("%d records (%v): a finished one goes with the next put", len(all), err)
				}
			} else if len(rep.Recovered) != 1 || rep.Recovered[0].Outcome != tc.outcome {
				t.Errorf("report %+v, want %s", rep, tc.outcome)
			}
			w.wantTree(tOld)
			w.settled()
		})
	}
}

// Several unfinished transactions are ended in their order; one that is stuck stops those after it.
func TestSeveralRecords(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		w := newWorld(t)
		inFolder(journal.Install, false)(w)
		w.put(journal.Decided)
		first := w.rec
		const second = "019a1f0e-5d5c-7cc8-a9a5-ffffffffffff"
		w.must(os.MkdirAll(w.path(".txcommit/stage/"+second+"/0"), 0o700))
		rec := *first
		rec.ID, rec.State = uuid.MustParse(second), journal.Decided
		rec.Stage = w.inode(".txcommit/stage/" + second)
		rec.Subs = []journal.Sub{{Name: "0", Inode: w.inode(".txcommit/stage/" + second + "/0")}}
		n := ".txcommit/stage/" + second + "/0/0.new"
		w.write(n, "second")
		rec.Steps = []journal.Step{{Kind: journal.Install, Name: "U", New: w.inode(n), Walk: Seal(w.info(n))}}
		w.must(w.env.DB.Put(nil, &rec))
		want := map[string]string{"d": "folder 0755", "d/T": "new", "U": "second"}
		if stuck {
			w.rename("d", "e")
			want = map[string]string{"e": "folder 0755", "e/T": "old"}
		}
		rep, err := w.recover()
		if errors.Is(err, ErrIncomplete) != stuck {
			t.Fatalf("recover: %+v, %v; want it stuck: %v", rep, err, stuck)
		}
		w.wantTree(want)
		if stuck {
			continue
		}
		if len(rep.Recovered) != 2 || rep.Recovered[0].ID != txid || rep.Recovered[1].ID != second {
			t.Errorf("report %+v, want both in their order", rep)
		}
		w.settled()
	}
}

// What dead processes have staged is deleted; a live one's is left alone, and so is what a record needs.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	inFolder(journal.Install, false)(w)
	w.put(journal.Decided)
	w.rename("d", "e") // the record is stuck: its stage folder must stay
	for _, n := range []string{"live", "dead", "ownerless"} {
		w.must(os.MkdirAll(w.path(".txcommit/stage/"+n+"/0"), 0o700))
		w.write(".txcommit/stage/"+n+"/0/0.new", "staged")
		w.must(os.Symlink(w.path("e"), w.path(".txcommit/stage/"+n+"/0/link")))
	}
	for _, n := range []string{"live", "dead", "folderless"} {
		w.write(".txcommit/stage/"+n+OwnerSuffix, "")
	}
	owner, err := os.Open(w.path(".txcommit/stage/live" + OwnerSuffix))
	w.must(err)
	defer owner.Close()
	if ok, err := fsys.TryLock(owner, true); !ok || err != nil {
		t.Fatalf("TryLock = %v, %v", ok, err)
	}
	p, err := w.env.Look()
	w.must(err)
	if want := []string{"dead", "dead" + OwnerSuffix, "folderless" + OwnerSuffix, "ownerless"}; !slices.Equal(p.dead, want) || !p.Unfinished() {
		t.Errorf("dead are %q, want %q; unfinished %v", p.dead, want, p.Unfinished())
	}
	w.stuck("d/T")
	w.rename("e", "d")
	rep, err := w.recover()
	if err != nil || rep.Swept != 2 {
		t.Fatalf("recover: %+v, %v; want 2 swept", rep, err)
	}
	names, err := w.env.Stage.Names()
	w.must(err)
	slices.Sort(names)
	if want := []string{"live", "live" + OwnerSuffix}; !slices.Equal(names, want) {
		t.Errorf("left in stage/: %q, want %q", names, want)
	}
	w.wantTree(map[string]string{"d": "folder 0755", "d/T": "new"})
	must := w.path(".txcommit/stage/live/0/0.new")
	if b, err := os.ReadFile(must); err != nil || string(b) != "staged" {
		t.Errorf("the live one's file holds %q (%v)", b, err)
	}
	w.must(owner.Close())
	if rep, err = w.recover(); err != nil || rep.Swept != 1 {
		t.Errorf("after its end: %+v, %v; want 1 swept", rep, err)
	}
	w.settled()
}

// KeepDead moves what may hold a user's file to displaced/, a live one's excepted.
func TestKeepDead(t *testing.T) {
	w := newWorld(t)
	after(exchange, func(w *world, n string) { w.exchange("T", n) })(w)
	w.must(os.MkdirAll(w.path(".txcommit/stage/live"), 0o700))
	w.write(".txcommit/stage/live"+OwnerSuffix, "")
	owner, err := os.Open(w.path(".txcommit/stage/live" + OwnerSuffix))
	w.must(err)
	defer owner.Close()
	if ok, err := fsys.TryLock(owner, true); !ok || err != nil {
		t.Fatalf("TryLock = %v, %v", ok, err)
	}
	for _, want := range [][]string{{displacedPath + "/" + txid}, nil} {
		if kept, err := w.env.KeepDead(); err != nil || !slices.Equal(kept, want) {
			t.Errorf("KeepDead = %q, %v; want %q", kept, err, want)
		}
		w.wantTree(tNew)
		w.wantDisplaced("old")
	}
	names, err := w.env.Stage.Names()
	w.must(err)
	slices.Sort(names)
	if want := []string{"live", "live" + OwnerSuffix}; !slices.Equal(names, want) {
		t.Errorf("left in stage/: %q, want %q", names, want)
	}
}

// Abandon leaves the tree as it is, keeps the stage folder, and refuses what it cannot give up.
func TestAbandon(t *testing.T) {
	for _, state := range []journal.State{journal.Decided, journal.Aborting, journal.Abandoned} {
		t.Run(state.String(), func(t *testing.T) {
			w := newWorld(t)
			after(exchange, func(w *world, n string) { w.exchange("T", n) })(w)
			w.put(state)
			if _, err := w.env.Abandon(strings.Repeat("0", 36)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Abandon of another: %v, want that it does not exist", err)
			}
			out, err := w.env.Abandon(txid)
			if err != nil || out.Outcome != "abandoned" || !slices.Equal(out.Displaced, []string{displacedPath + "/" + txid}) {
				t.Errorf("Abandon = %+v, %v", out, err)
			}
			w.wantTree(tNew)
			w.wantDisplaced("old")
			w.settled()
		})
	}
	t.Run("cut", func(t *testing.T) {
		w := newWorld(t)
		after(exchange, func(w *world, n string) { w.exchange("T", n) })(w)
		w.put(journal.Aborting)
		w.mkdir(displacedPath + "/" + txid) // in the way, so that it stops after its decision
		if out, err := w.env.Abandon(txid); !errors.Is(err, ErrIncomplete) {
			t.Errorf("Abandon = %+v, %v; want ErrIncomplete", out, err)
		}
		w.remove(displacedPath + "/" + txid)
		rep, err := w.recover()
		if err != nil || len(rep.Recovered) != 1 || rep.Recovered[0].Outcome != "abandoned" {
			t.Errorf("recover after it: %+v, %v; want it abandoned", rep, err)
		}
		w.wantTree(tNew) // an undo would have put the old back
		w.wantDisplaced("old")
		w.settled()
	})
	t.Run("finished", func(t *testing.T) {
		w := newWorld(t)
		after(exchange, nothing)(w)
		w.put(journal.Decided)
		w.remove(".txcommit/stage/" + txid)
		if _, err := w.env.Abandon(txid); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Abandon of a finished transaction: %v, want an error", err)
		}
	})
	t.Run("copied store", func(t *testing.T) {
		w := newWorld(t)
		after(exchange, func(w *world, n string) { w.exchange("T", n) })(w)
		w.rec.Stage.Ino++
		w.put(journal.Decided)
		if out, err := w.env.Abandon(txid); err != nil || out.Outcome != "abandoned" {
			t.Errorf("Abandon = %+v, %v", out, err)
		}
		w.wantTree(tNew)
		w.wantDisplaced("old")
		w.settled()
	})
}
