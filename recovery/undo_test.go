//go:build unix

package recovery

import (
	"testing"

	"github.com/txcommit/txcommit/journal"
)

var tOld = map[string]string{"T": "old"}

// Each state of (N.new, T) when an install has to be undone.
func TestUndoInstall(t *testing.T) {
	theirs := map[string]string{"T": "theirs"}
	play(t, []scene{
		{"free, not done", free(none, nothing), map[string]string{}, true, nil},
		{"free, done", free(none, func(w *world, n string) { w.rename(n, "T") }), map[string]string{}, true, nil},
		{"free, both names", free(none, func(w *world, n string) { w.link(n, "T") }), map[string]string{}, true, nil},
		{"free, done, then replaced", free(none, func(w *world, n string) { w.rename(n, "T"); w.replace("T", "theirs") }), theirs, true, nil},
		{"free, done, then removed", free(none, func(w *world, n string) { w.rename(n, "T"); w.remove("T") }), map[string]string{}, true, nil},
		{"free, done, then edited", free(none, func(w *world, n string) { w.rename(n, "T"); w.write("T", "edited") }), map[string]string{}, true, []string{"edited"}},
		{"over, not done", after(exchange, nothing), tOld, true, nil},
		{"over, done", after(exchange, func(w *world, n string) { w.exchange("T", n) }), tOld, true, nil},
		{"over, done, then edited", after(exchange, func(w *world, n string) { w.exchange("T", n); w.write("T", "edited") }), tOld, true, []string{"edited"}},
		{"over, done, old edited since", after(exchange, func(w *world, n string) { w.exchange("T", n); w.write(n, "edited") }), map[string]string{"T": "edited"}, true, nil},
		{"over, done, then replaced", after(exchange, func(w *world, n string) { w.exchange("T", n); w.replace("T", "theirs") }), theirs, true, []string{"old"}},
		{"over, done, then removed", after(exchange, func(w *world, n string) { w.exchange("T", n); w.remove("T") }), map[string]string{}, true, []string{"old"}},
		{"over, another was swapped out", after(exchange, func(w *world, n string) { w.replace("T", "theirs"); w.exchange("T", n) }), theirs, true, nil},
		{"over, T was gone, done", after(exchange, func(w *world, n string) { w.remove("T"); w.rename(n, "T") }), map[string]string{}, true, nil},
		{"no exchange, not done", after(none, nothing), tOld, true, nil},
		{"no exchange, done", after(none, func(w *world, n string) { w.rename(n, "T") }), tOld, true, nil},
		{"no exchange, done, then edited", after(none, func(w *world, n string) { w.rename(n, "T"); w.write("T", "edited") }), tOld, true, []string{"edited"}},
		{"no exchange, both names", after(none, func(w *world, n string) { w.remove("T"); w.link(n, "T") }), tOld, true, nil},
		{"no exchange, done, then replaced", after(none, func(w *world, n string) { w.rename(n, "T"); w.replace("T", "theirs") }), theirs, true, []string{"old"}},
		{"no exchange, another was in the way", after(none, func(w *world, n string) {
			w.replace("T", "theirs")
			w.link("T", w.staged(OutName(0)))
			w.rename(n, "T")
		}), tOld, true, []string{"theirs"}},
	}, journal.Aborting)
}

// What the undo takes out of the tree again is a link to the user's file, or his last one.
func TestUndoLinked(t *testing.T) {
	f := map[string]string{"F": "file"}
	play(t, []scene{
		{"free, done", renamed(none, "", func(w *world, n string) { w.rename(n, "T") }), f, true, nil},
		{"free, both names", renamed(none, "", func(w *world, _ string) { w.link("F", "T") }), f, true, nil},
		{"over, done", renamed(exchange, "old", func(w *world, n string) { w.exchange("T", n) }), map[string]string{"F": "file", "T": "old"}, true, nil},
		{"no exchange, done", renamed(none, "old", func(w *world, n string) { w.rename(n, "T") }), map[string]string{"F": "file", "T": "old"}, true, nil},
		{"no exchange, both names", renamed(none, "old", func(w *world, _ string) { w.remove("T"); w.link("F", "T") }), map[string]string{"F": "file", "T": "old"}, true, nil},
		{"over, done, source removed", renamed(exchange, "old", func(w *world, n string) { w.exchange("T", n); w.remove("F") }), tOld, true, []string{"file"}},
		{"no exchange, done, source removed", renamed(none, "old", func(w *world, n string) { w.rename(n, "T"); w.remove("F") }), tOld, true, []string{"file"}},
		{"no exchange, done, source replaced", renamed(none, "old", func(w *world, n string) { w.rename(n, "T"); w.replace("F", "theirs") }), map[string]string{"F": "theirs", "T": "old"}, true, []string{"file"}},
		{"free, done, source removed", renamed(none, "", func(w *world, n string) { w.rename(n, "T"); w.remove("F") }), map[string]string{}, true, []string{"file"}},
		{"free, done, source replaced", renamed(none, "", func(w *world, n string) { w.rename(n, "T"); w.replace("F", "theirs") }), map[string]string{"F": "theirs"}, true, []string{"file"}},
	}, journal.Aborting)
}

// newFolder adds the install of a whole new folder.
func newFolder(over bool, since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		if over {
			w.mkdir("T")
			w.write("T/f", "old")
		}
		s := w.step(journal.Install, exchange, "T")
		n := w.staged(NewName(s.Num))
		w.mkdir(n)
		w.mkdir(n + "/sub")
		w.write(n+"/sub/g", "new")
		w.prepared(s)
		since(w, n)
	}
}

func folderOf(entries ...string) map[string]string {
	all := map[string]string{"T": "folder 0755"}
	for i := 0; i < len(entries); i += 2 {
		all["T/"+entries[i]] = entries[i+1]
	}
	return all
}

// A folder keeps its identity when somebody adds to it: what he has added is kept with the whole of it.
func TestFolders(t *testing.T) {
	done := func(w *world, n string) { w.exchange("T", n) }
	with := func(more func(w *world, n string)) func(w *world, n string) {
		return func(w *world, n string) { done(w, n); more(w, n) }
	}
	played := folderOf("sub", "folder 0755", "sub/g", "new")
	t.Run("redo", func(t *testing.T) {
		play(t, []scene{
			{"free", newFolder(false, nothing), played, false, nil},
			{"free, done, filled", newFolder(false, func(w *world, n string) { w.rename(n, "T"); w.write("T/more", "theirs") }), folderOf("sub", "folder 0755", "sub/g", "new", "more", "theirs"), false, nil},
			{"over", newFolder(true, nothing), played, false, nil},
			{"over, filled before", newFolder(true, func(w *world, _ string) { w.write("T/more", "theirs") }), played, false, []string{"old", "theirs"}},
			{"over, filled after", newFolder(true, with(func(w *world, n string) { w.write(n+"/more", "theirs") })), played, false, []string{"old", "theirs"}},
		}, journal.Decided)
	})
	t.Run("undo", func(t *testing.T) {
		play(t, []scene{
			{"free, done", newFolder(false, func(w *world, n string) { w.rename(n, "T") }), map[string]string{}, true, nil},
			{"free, done, filled", newFolder(false, func(w *world, n string) { w.rename(n, "T"); w.write("T/more", "theirs") }), map[string]string{}, true, []string{"new", "theirs"}},
			{"free, done, filled deep", newFolder(false, func(w *world, n string) { w.rename(n, "T"); w.write("T/sub/more", "theirs") }), map[string]string{}, true, []string{"new", "theirs"}},
			{"free, done, edited in it", newFolder(false, func(w *world, n string) { w.rename(n, "T"); w.write("T/sub/g", "edited") }), map[string]string{}, true, []string{"edited"}},
			{"over, done", newFolder(true, done), folderOf("f", "old"), true, nil},
			{"over, done, old filled", newFolder(true, with(func(w *world, n string) { w.write(n+"/more", "theirs") })), folderOf("f", "old", "more", "theirs"), true, nil},
		}, journal.Aborting)
	})
}

func TestUndoRemove(t *testing.T) {
	play(t, []scene{
		{"not done", gone(none, nothing), tOld, true, nil},
		{"done", gone(none, func(w *world, n string) { w.rename("T", n) }), tOld, true, nil},
		{"both names", gone(none, func(w *world, n string) { w.remove(n); w.link("T", n) }), tOld, true, nil},
		{"done, edited since", gone(none, func(w *world, n string) { w.rename("T", n); w.write(n, "edited") }), map[string]string{"T": "edited"}, true, nil},
		{"done, then another came", gone(none, func(w *world, n string) { w.rename("T", n); w.write("T", "theirs") }), map[string]string{"T": "theirs"}, true, []string{"old"}},
		{"not done, removed by another", gone(none, func(w *world, _ string) { w.remove("T") }), map[string]string{}, true, nil},
		{"another was taken out", gone(none, func(w *world, n string) { w.replace("T", "theirs"); w.rename("T", n) }), map[string]string{"T": "theirs"}, true, nil},
		{"folder, done", goneFolder(none, func(w *world, n string) { w.rename("T", n) }), folderOf("f", "old"), true, nil},
		{"folder, done, filled", goneFolder(none, func(w *world, n string) { w.rename("T", n); w.write(n+"/more", "theirs") }), folderOf("f", "old", "more", "theirs"), true, nil},
		{"folder, done, then another came", goneFolder(none, func(w *world, n string) { w.rename("T", n); w.mkdir("T"); w.write("T/more", "theirs") }), folderOf("more", "theirs"), true, []string{"old"}},
	}, journal.Aborting)
}

func TestUndoChmod(t *testing.T) {
	plain := map[string]string{"T": "file"}
	play(t, []scene{
		{"not done", chmodded(none, func(*world) {}), plain, true, nil},
		{"done", chmodded(none, func(w *world) { w.must(w.env.Root.Chmod("T", w.info("T").ID, 0o4755)) }), plain, true, nil},
		{"changed by another", chmodded(none, mode("T", 0o600)), map[string]string{"T": "file 0600"}, true, nil},
		{"done, replaced since", chmodded(none, func(w *world) { w.replace("T", "theirs"); mode("T", 0o755)(w) }), map[string]string{"T": "theirs 0755"}, true, nil},
		{"removed", chmodded(none, func(w *world) { w.remove("T") }), map[string]string{}, true, nil},
	}, journal.Aborting)
}

// A folder whose old name is somebody's by now cannot go back: theirs stays, and it is kept in displaced/, whole.
func TestUndoMove(t *testing.T) {
	play(t, []scene{
		{"not done", moved(none, func(*world) {}), at("A"), true, nil},
		{"done", moved(none, func(w *world) { w.rename("A", "B") }), at("A"), true, nil},
		{"removed", moved(none, func(w *world) { w.rename("A", "B"); w.remove("B") }), map[string]string{}, true, nil},
		{"done, old name taken", moved(none, func(w *world) { w.rename("A", "B"); w.write("A", "theirs") }), map[string]string{"A": "theirs"}, true, []string{"in it"}},
		{"done, old name taken by a folder", moved(none, func(w *world) { w.rename("A", "B"); w.mkdir("A") }), map[string]string{"A": "folder 0755"}, true, []string{"in it"}},
	}, journal.Aborting)
}

// movedInto adds the install of the new folder N, and the move of A into it.
func movedInto(since func(w *world, n string)) func(w *world) {
	return func(w *world) {
		w.mkdir("A")
		w.write("A/f", "in it")
		s := w.step(journal.Install, exchange, "N")
		n := w.staged(NewName(s.Num))
		w.mkdir(n)
		w.mkdir(n + "/sub")
		w.prepared(s)
		w.rec.Parents = append(w.rec.Parents, journal.Parent{Path: "N/sub", Inode: w.inode(n + "/sub")})
		into := uint32(len(w.rec.Parents) - 1)
		m := w.step(journal.Move, none, "A")
		m.ToParent, m.ToName = into, "B"
		since(w, n)
	}
}

// Of the way of a new folder into the tree and the move into it, a power cut may leave the move alone.
func TestUndoMoveIntoStaged(t *testing.T) {
	play(t, []scene{
		{"not done", movedInto(nothing), at("A"), true, nil},
		{"done", movedInto(func(w *world, n string) { w.rename(n, "N"); w.rename("A", "N/sub/B") }), at("A"), true, nil},
		{"the new folder is back", movedInto(func(w *world, n string) { w.rename("A", n+"/sub/B") }), at("A"), true, nil},
	}, journal.Aborting)
}
