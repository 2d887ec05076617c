package recovery

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
)

// A folder that was moved, replaced or deleted matters only for steps that are not known to be done in it.
func TestParentGone(t *testing.T) {
	change := map[string]func(w *world){
		"moved":    func(w *world) { w.rename("d", "e") },
		"replaced": func(w *world) { w.rename("d", "e"); w.mkdir("d"); w.write("d/T", "theirs") },
		"deleted":  func(w *world) { w.remove("d") },
		"a file":   func(w *world) { w.rename("d", "e"); w.write("d", "theirs") },
		"a link":   func(w *world) { w.rename("d", "e"); w.must(os.Symlink("e", w.path("d"))) },
	}
	for _, tc := range []struct {
		name  string
		kind  journal.StepKind
		done  bool
		state journal.State
		stuck bool
	}{
		{"install, not done", journal.Install, false, journal.Decided, true},
		{"install, done", journal.Install, true, journal.Decided, false},
		{"remove, not done", journal.Remove, false, journal.Decided, true},
		{"remove, done", journal.Remove, true, journal.Decided, false},
		{"undo install, not done", journal.Install, false, journal.Aborting, false},
		{"undo install, done", journal.Install, true, journal.Aborting, true},
		{"undo remove, not done", journal.Remove, false, journal.Aborting, false},
		{"undo remove, done", journal.Remove, true, journal.Aborting, true},
	} {
		for what, since := range change {
			t.Run(tc.name+", "+what, func(t *testing.T) {
				w := newWorld(t)
				inFolder(tc.kind, tc.done)(w)
				w.put(tc.state)
				since(w)
				tree := w.tree()
				if tc.stuck {
					w.stuck("d/T")
					w.wantTree(tree)
					return
				}
				if rep, err := w.recover(); err != nil || len(rep.Recovered) != 1 {
					t.Fatalf("recover: %+v, %v", rep, err)
				}
				w.wantTree(tree)
				w.wantDisplaced()
				w.settled()
			})
		}
	}
}

// What is stuck because of a moved folder goes on when the folder is back.
func TestParentBack(t *testing.T) {
	for _, state := range []journal.State{journal.Decided, journal.Aborting} {
		for _, done := range []bool{false, true} {
			w := newWorld(t)
			inFolder(journal.Install, done)(w)
			w.install(none, "other", "new")
			w.put(state)
			w.rename("d", "e")
			_, _ = w.recover()
			w.rename("e", "d")
			if _, err := w.recover(); err != nil {
				t.Fatalf("%s, done %v: %v", state, done, err)
			}
			want := map[string]string{"d": "folder 0755", "d/T": "new", "other": "new"}
			if state == journal.Aborting {
				want = map[string]string{"d": "folder 0755", "d/T": "old"}
			}
			w.wantTree(want)
			w.settled()
		}
	}
}

// run commits the record as the process does that has made it: meanwhile happens after its commit point.
func (w *world) run(meanwhile func()) (*Run, error) {
	w.Helper()
	r, err := Prepare(w.env, w.rec)
	w.must(err)
	w.Cleanup(r.Close)
	w.must(r.OpenParents(func(string) bool { return false }))
	w.put(journal.Decided)
	meanwhile()
	return r, r.Resume()
}

// A commit whose step is refused, or whose target was changed, undoes what it has done, through the folders' handles
// where these were moved, and says so when that is durable.
func TestRefusedCommit(t *testing.T) {
	for _, tc := range []struct {
		name      string
		meanwhile func(w *world)
		conflict  bool
		want      map[string]string
	}{
		{
			"second folder moved", func(w *world) { w.rename("d", "e") }, false,
			map[string]string{"T": "old", "e": "folder 0755", "e/T": "old"},
		},
		{"second folder deleted", func(w *world) { w.remove("d") }, false, map[string]string{"T": "old"}},
		{
			"second file replaced", func(w *world) { w.replace("d/T", "theirs") }, true,
			map[string]string{"T": "old", "d": "folder 0755", "d/T": "theirs"},
		},
		{
			"second file edited", func(w *world) { w.write("d/T", "edited") }, true,
			map[string]string{"T": "old", "d": "folder 0755", "d/T": "edited"},
		},
		{"second file removed", func(w *world) { w.remove("d/T") }, true, map[string]string{"T": "old", "d": "folder 0755"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("T", "old")
			w.mkdir("d")
			w.write("d/T", "old")
			w.install(exchange, "T", "new")
			w.install(exchange|expect, "d/T", "new")
			_, err := w.run(func() { tc.meanwhile(w) })
			var back *RolledBack
			if !errors.As(err, &back) || errors.Is(err, ErrConflict) != tc.conflict || errors.Is(err, ErrIncomplete) {
				t.Errorf("Resume = %v, want that it was rolled back, a conflict: %v", err, tc.conflict)
			}
			w.wantTree(tc.want)
			w.wantDisplaced()
			if all, err := w.env.DB.Records(); err != nil || len(all) > 0 {
				t.Errorf("records: %v, %v; want none", all, err)
			}
			w.settled()
		})
	}
}

// A commit whose stage folder is deleted meanwhile is incomplete, and says both that and what went wrong.
func TestStageDeletedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	w.write("d/T", "old")
	w.install(exchange|expect, "d/T", "new")
	_, err := w.run(func() {
		w.must(os.RemoveAll(w.path(".txcommit/stage/" + txid)))
	})
	if !errors.Is(err, ErrIncomplete) || !errors.Is(err, errStageGone) || !errors.Is(err, errTaken) {
		t.Errorf("Resume = %v, want that it is incomplete, and both errors of the files that are gone", err)
	}
	w.wantTree(map[string]string{"d": "folder 0755", "d/T": "old"})
}

// A commit that nobody disturbs leaves its record for the next put, unless redoing it could revert somebody's act.
func TestCommit(t *testing.T) {
	for name, tc := range map[string]struct {
		setup func(w *world)
		left  int
	}{
		"install":         {after(exchange, nothing), 1},
		"remove":          {gone(none, nothing), 1},
		"remove relinked": {gone(journal.Relinked, nothing), 0},
		"chmod":           {chmodded(none, func(*world) {}), 0},
		"move":            {moved(none, func(*world) {}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.setup(w)
			r, err := w.run(func() {})
			if err != nil {
				t.Fatal(err)
			}
			w.must(r.Finish())
			if all, err := w.env.DB.Records(); err != nil || len(all) != tc.left {
				t.Errorf("%d records are left (%v), want %d", len(all), err, tc.left)
			}
			w.settled()
		})
	}
}

// Directories are never seen at two names by a crash. Where they are all the same (here, by a bind mount), nothing can
// be told, and nothing is touched.
func TestFolderAtTwoNames(t *testing.T) {
	for name, setup := range map[string]func(w *world) (from, at string){
		"install": func(w *world) (string, string) {
			s := w.step(journal.Install, none, "T")
			n := w.staged(NewName(s.Num))
			w.mkdir(n)
			w.prepared(s)
			w.mkdir("T")
			return n, "T"
		},
		"remove": func(w *world) (string, string) {
			w.mkdir("T")
			s := w.takeOut(none, "T")
			n := w.staged(OldName(s.Num))
			w.rename("T", n)
			w.mkdir("T")
			return n, "T"
		},
		"move": func(w *world) (string, string) {
			moved(none, func(w *world) { w.mkdir("B") })(w)
			return "A", "B"
		},
	} {
		for _, state := range []journal.State{journal.Decided, journal.Aborting} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				runtime.LockOSThread() // the thread ends with the test, and its mounts with it
				if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
					runtime.UnlockOSThread()
					needs(t, "mounts of its own: %v", err)
				}
				if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
					needs(t, "mounts of its own: %v", err)
				}
				w := newWorld(t)
				from, at := setup(w)
				w.put(state)
				w.must(unix.Mount(w.path(from), w.path(at), "", unix.MS_BIND, ""))
				defer func() { w.must(unix.Unmount(w.path(at), unix.MNT_DETACH)) }()
				w.stuck("two names")
			})
		}
	}
}
