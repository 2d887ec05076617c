//go:build unix

package recovery

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/journal"
)

// A scene is one step of a decided record, and what a crash or others have made of it since.
type scene struct {
	name  string
	setup func(w *world) // makes the tree, adds the step, and then changes what has happened since
	want  map[string]string
	back  bool     // it is rolled back instead of completed
	aside []string // contents that are put aside
}

const (
	none     journal.Flags = 0
	exchange               = journal.Exchange
	expect                 = journal.Expect
	linked                 = journal.Linked
)

func play(t *testing.T, scenes []scene, state journal.State) {
	t.Helper()
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) {
			w := newWorld(t)
			sc.setup(w)
			w.put(state)
			rep, err := w.recover()
			want := "completed"
			if sc.back || state == journal.Aborting {
				want = "rolled-back"
			}
			if err != nil || len(rep.Recovered) != 1 || rep.Recovered[0].Outcome != want {
				t.Fatalf("recover: %+v, %v; want %s", rep, err, want)
			}
			if (len(rep.Displaced) > 0) != (len(sc.aside) > 0) {
				t.Errorf("the report says that %q was displaced, want %q", rep.Displaced, sc.aside)
			}
			for _, p := range rep.Displaced {
				if _, err := os.Lstat(w.path(p)); err != nil {
					t.Error(err)
				}
			}
			w.wantTree(sc.want)
			w.wantDisplaced(sc.aside...)
			w.settled()
		})
	}
}

// after adds an install over the file T and lets something happen.
func after(flags journal.Flags, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		w.write("T", "old")
		s := w.install(flags, "T", "new")
		since(w, w.staged(NewName(s.Num)))
	}
}

// free adds an install of the free name T.
func free(flags journal.Flags, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		s := w.install(flags, "T", "new")
		since(w, w.staged(NewName(s.Num)))
	}
}

// renamed adds an install of T by a second link to the file F.
func renamed(flags journal.Flags, over string, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		w.write("F", "file")
		if over != "" {
			w.write("T", over)
		}
		s := w.step(journal.Install, flags|linked, "T")
		n := w.staged(NewName(s.Num))
		w.link("F", n)
		w.prepared(s)
		since(w, n)
	}
}

func nothing(*world, string) {}

var tNew = map[string]string{"T": "new"}

// Each state of (N.new, T) that a crash, or a crash and somebody else, can leave of an install.
func TestRedoInstall(t *testing.T) {
	play(t, []scene{
		{"free, not done", free(none, nothing), tNew, false, nil},
		{"free, done", free(none, func(w *world, n string) { w.rename(n, "T") }), tNew, false, nil},
		{"free, done, then replaced", free(none, func(w *world, n string) { w.rename(n, "T"); w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, false, nil},
		{"free, done, then removed", free(none, func(w *world, n string) { w.rename(n, "T"); w.remove("T") }), map[string]string{}, false, nil},
		{"free, both names", free(none, func(w *world, n string) { w.link(n, "T") }), tNew, false, nil},
		{"free, somebody's by now", free(exchange, func(w *world, _ string) { w.write("T", "theirs") }), tNew, false, []string{"theirs"}},
		{"free, expected, somebody's by now", free(exchange|expect, func(w *world, _ string) { w.write("T", "theirs") }), map[string]string{"T": "theirs"}, true, nil},
		{"over, not done", after(exchange, nothing), tNew, false, nil},
		{"over, done", after(exchange, func(w *world, n string) { w.exchange("T", n) }), tNew, false, nil},
		{"over, done, old edited since", after(exchange, func(w *world, n string) { w.exchange("T", n); w.write(n, "edited") }), tNew, false, []string{"edited"}},
		{"over, expected, done, old edited since", after(exchange|expect, func(w *world, n string) { w.exchange("T", n); w.write(n, "edited") }), tNew, false, []string{"edited"}},
		{"over, done, then edited", after(exchange, func(w *world, n string) { w.exchange("T", n); w.write("T", "edited") }), map[string]string{"T": "edited"}, false, nil},
		{"over, done, then replaced", after(exchange, func(w *world, n string) { w.exchange("T", n); w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, false, nil},
		{"over, both names", after(exchange, func(w *world, n string) { w.remove("T"); w.link(n, "T") }), tNew, false, nil},
		{"over, edited before", after(exchange, func(w *world, _ string) { w.write("T", "edited") }), tNew, false, []string{"edited"}},
		{"over, expected, edited before", after(exchange|expect, func(w *world, _ string) { w.write("T", "edited") }), map[string]string{"T": "edited"}, true, nil},
		{"over, replaced before", after(exchange, func(w *world, _ string) { w.replace("T", "theirs") }), tNew, false, []string{"theirs"}},
		{"over, expected, replaced before", after(exchange|expect, func(w *world, _ string) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, true, nil},
		{"over, removed before", after(exchange, func(w *world, _ string) { w.remove("T") }), tNew, false, nil},
		{"over, expected, removed before", after(exchange|expect, func(w *world, _ string) { w.remove("T") }), map[string]string{}, true, nil},
		{"over, a folder by now", after(exchange, func(w *world, _ string) { w.remove("T"); w.mkdir("T"); w.write("T/f", "theirs") }), tNew, false, []string{"theirs"}},
		{"over, another was swapped out", after(exchange, func(w *world, n string) { w.replace("T", "theirs"); w.exchange("T", n) }), tNew, false, []string{"theirs"}},
		{"over, expected, another was swapped out", after(exchange|expect, func(w *world, n string) { w.replace("T", "theirs"); w.exchange("T", n) }), map[string]string{"T": "theirs"}, true, nil},
		{"no exchange, not done", after(none, nothing), tNew, false, nil},
		{"no exchange, done", after(none, func(w *world, n string) { w.rename(n, "T") }), tNew, false, nil},
		{"no exchange, both names", after(none, func(w *world, n string) { w.remove("T"); w.link(n, "T") }), tNew, false, nil},
		{"no exchange, edited before", after(none, func(w *world, _ string) { w.write("T", "edited") }), tNew, false, []string{"edited"}},
		{"no exchange, replaced before", after(none, func(w *world, _ string) { w.replace("T", "theirs") }), tNew, false, []string{"theirs"}},
		// N.old is the last name of what they have replaced themselves: kept, to be on the safe side.
		{"no exchange, expected, replaced before", after(expect, func(w *world, _ string) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, true, []string{"old"}},
		{"no exchange, removed before", after(none, func(w *world, _ string) { w.remove("T") }), tNew, false, nil},
		{"no exchange, another linked aside, cut", after(none, func(w *world, n string) {
			w.replace("T", "theirs")
			w.link("T", filepath.Dir(n)+"/0.out")
		}), tNew, false, []string{"theirs"}},
		{"no exchange, another linked aside, cut, then one more", after(none, func(w *world, n string) {
			w.replace("T", "theirs")
			w.link("T", filepath.Dir(n)+"/0.out")
			w.replace("T", "more")
		}), tNew, false, []string{"more", "theirs"}},
	}, journal.Decided)
}

// The new name of a rename is a link to the user's file, which must survive whatever has happened.
func TestRedoLinked(t *testing.T) {
	both := func(content string) map[string]string { return map[string]string{"F": "file", "T": content} }
	play(t, []scene{
		{"free, not done", renamed(none, "", nothing), both("file"), false, nil},
		{"free, done", renamed(none, "", func(w *world, n string) { w.rename(n, "T") }), both("file"), false, nil},
		{"free, both names", renamed(none, "", func(w *world, _ string) { w.link("F", "T") }), both("file"), false, nil},
		{"over, not done", renamed(exchange, "old", nothing), both("file"), false, nil},
		{"over, done", renamed(exchange, "old", func(w *world, n string) { w.exchange("T", n) }), both("file"), false, nil},
		{"over, T is the file by now", renamed(exchange, "old", func(w *world, _ string) { w.remove("T"); w.link("F", "T") }), both("file"), false, nil},
		{"free, source replaced before", renamed(none, "", func(w *world, _ string) { w.replace("F", "theirs") }), map[string]string{"F": "theirs", "T": "file"}, false, nil},
		{"free, source removed, T somebody's, expected", renamed(expect, "", func(w *world, _ string) { w.remove("F"); w.write("T", "theirs") }), map[string]string{"T": "theirs"}, true, []string{"file"}},
	}, journal.Decided)
}

// gone adds the removal of the file T and lets something happen.
func gone(flags journal.Flags, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		w.write("T", "old")
		s := w.takeOut(flags, "T")
		since(w, w.staged(OldName(s.Num)))
	}
}

// goneFolder adds the removal of the folder T with the file f in it.
func goneFolder(flags journal.Flags, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		w.mkdir("T")
		if flags&journal.Empty == 0 {
			w.write("T/f", "old")
		}
		s := w.takeOut(flags, "T")
		since(w, w.staged(OldName(s.Num)))
	}
}

// Each state of (N.old, T) of a remove.
func TestRedoRemove(t *testing.T) {
	no := map[string]string{}
	folder := func(files ...string) map[string]string {
		all := map[string]string{"T": "folder 0755"}
		for _, f := range files {
			all["T/"+f] = "theirs"
		}
		return all
	}
	play(t, []scene{
		{"not done", gone(none, nothing), no, false, nil},
		{"done", gone(none, func(w *world, n string) { w.rename("T", n) }), no, false, nil},
		{"both names", gone(none, func(w *world, n string) { w.remove(n); w.link("T", n) }), no, false, nil},
		{"done, then another came", gone(none, func(w *world, n string) { w.rename("T", n); w.write("T", "theirs") }), map[string]string{"T": "theirs"}, false, nil},
		{"removed before", gone(none, func(w *world, _ string) { w.remove("T") }), no, false, nil},
		{"expected, removed before", gone(expect, func(w *world, _ string) { w.remove("T") }), no, true, nil},
		{"replaced before", gone(none, func(w *world, _ string) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, false, nil},
		{"expected, replaced before", gone(expect, func(w *world, _ string) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, true, nil},
		{"edited before", gone(none, func(w *world, _ string) { w.write("T", "edited") }), no, false, []string{"edited"}},
		{"expected, edited before", gone(expect, func(w *world, _ string) { w.write("T", "edited") }), map[string]string{"T": "edited"}, true, nil},
		{"done, edited since", gone(none, func(w *world, n string) { w.rename("T", n); w.write(n, "edited") }), no, false, []string{"edited"}},
		{"another was taken out", gone(none, func(w *world, n string) { w.replace("T", "theirs"); w.rename("T", n) }), no, false, []string{"theirs"}},
		{"expected, another was taken out", gone(expect, func(w *world, n string) { w.replace("T", "theirs"); w.rename("T", n) }), map[string]string{"T": "theirs"}, true, nil},
		{"folder, not done", goneFolder(none, nothing), no, false, nil},
		{"folder, done", goneFolder(none, func(w *world, n string) { w.rename("T", n) }), no, false, nil},
		{"folder, filled before", goneFolder(none, func(w *world, _ string) { w.write("T/more", "theirs") }), no, false, []string{"old", "theirs"}},
		{"folder, filled after", goneFolder(none, func(w *world, n string) { w.rename("T", n); w.write(n+"/more", "theirs") }), no, false, []string{"old", "theirs"}},
		{"folder, edited in it", goneFolder(none, func(w *world, _ string) { w.write("T/f", "theirs") }), no, false, []string{"theirs"}},
		{"folder, replaced before", goneFolder(none, func(w *world, _ string) { w.remove("T"); w.mkdir("T"); w.write("T/x", "theirs") }), folder("x"), false, nil},
		{"empty folder, not done", goneFolder(journal.Empty, nothing), no, false, nil},
		{"empty folder, filled before", goneFolder(journal.Empty, func(w *world, _ string) { w.write("T/x", "theirs") }), folder("x"), true, nil},
		{"empty folder, filled after", goneFolder(journal.Empty, func(w *world, n string) { w.rename("T", n); w.write(n+"/x", "theirs") }), folder("x"), true, nil},
	}, journal.Decided)
}

// inFolder makes the folder d with the file d/T, and one step on it.
func inFolder(kind journal.StepKind, done bool) func(w *world) {
	return func(w *world) {
		w.mkdir("d")
		w.write("d/T", "old")
		if kind == journal.Install {
			s := w.install(exchange, "d/T", "new")
			if done {
				w.exchange("d/T", w.staged(NewName(s.Num)))
			}
			return
		}
		s := w.takeOut(none, "d/T")
		if done {
			w.rename("d/T", w.staged(OldName(s.Num)))
		}
	}
}

func chmodded(flags journal.Flags, since func(w *world)) func(w *world) {
	return func(w *world) {
		w.write("T", "file")
		s := w.step(journal.Chmod, flags, "T")
		s.Mode, s.Was = 0o4755, 0o644
		since(w)
	}
}

func mode(t string, m os.FileMode) func(w *world) {
	return func(w *world) { w.must(os.Chmod(w.path(t), m)) }
}

func TestRedoChmod(t *testing.T) {
	play(t, []scene{
		{"not done", chmodded(none, func(*world) {}), map[string]string{"T": "file 4755"}, false, nil},
		{"done", chmodded(none, mode("T", 0o755|os.ModeSetuid)), map[string]string{"T": "file 4755"}, false, nil},
		{"edited before", chmodded(none, func(w *world) { w.write("T", "edited") }), map[string]string{"T": "edited 4755"}, false, nil},
		{"expected, edited before", chmodded(expect, func(w *world) { w.write("T", "edited") }), map[string]string{"T": "edited"}, true, nil},
		{"replaced before", chmodded(none, func(w *world) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, false, nil},
		{"expected, replaced before", chmodded(expect, func(w *world) { w.replace("T", "theirs") }), map[string]string{"T": "theirs"}, true, nil},
		{"removed before", chmodded(none, func(w *world) { w.remove("T") }), map[string]string{}, false, nil},
	}, journal.Decided)
}

// moved adds the move of the folder A to B.
func moved(flags journal.Flags, since func(w *world)) func(w *world) {
	return func(w *world) {
		w.mkdir("A")
		w.write("A/f", "in it")
		s := w.step(journal.Move, flags, "A")
		s.ToParent, s.ToName = 0, "B"
		since(w)
	}
}

func at(name string) map[string]string {
	return map[string]string{name: "folder 0755", name + "/f": "in it"}
}

func TestRedoMove(t *testing.T) {
	taken := at("A")
	taken["B"] = "theirs"
	foreign := map[string]string{"A": "folder 0755"}
	play(t, []scene{
		{"not done", moved(none, func(*world) {}), at("B"), false, nil},
		{"done", moved(none, func(w *world) { w.rename("A", "B") }), at("B"), false, nil},
		{"done, filled since", moved(none, func(w *world) { w.rename("A", "B"); w.write("B/f", "in it") }), at("B"), false, nil},
		{"taken", moved(none, func(w *world) { w.write("B", "theirs") }), taken, true, nil},
		{"removed before", moved(none, func(w *world) { w.remove("A") }), map[string]string{}, false, nil},
		{"replaced before", moved(none, func(w *world) { w.remove("A"); w.mkdir("A") }), foreign, false, nil},
		{"expected, replaced before", moved(expect, func(w *world) { w.remove("A"); w.mkdir("A") }), foreign, true, nil},
	}, journal.Decided)
}
