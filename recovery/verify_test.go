//go:build unix

package recovery

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// everyKind adds one step of each kind. It returns how to do each of them, by the path that it changes.
func everyKind(w *world) map[string]func() {
	w.write("over", "old")
	w.write("gone", "old")
	w.write("run", "file")
	w.mkdir("A")
	w.install(none, "free", "new")
	w.install(exchange, "over", "new")
	w.takeOut(none, "gone")
	chmod := w.step(journal.Chmod, none, "run")
	chmod.Mode, chmod.Was = 0o755, 0o644
	move := w.step(journal.Move, none, "A")
	move.ToName = "B"
	folder := w.step(journal.Install, none, "folder")
	n := w.staged(NewName(folder.Num))
	w.mkdir(n)
	w.write(n+"/f", "new")
	w.prepared(folder)
	return map[string]func(){
		"free":   func() { w.rename(w.staged("0.new"), "free") },
		"over":   func() { w.exchange("over", w.staged("1.new")) },
		"gone":   func() { w.rename("gone", w.staged("2.old")) },
		"run":    func() { mode("run", 0o755)(w) },
		"A":      func() { w.rename("A", "B") },
		"folder": func() { w.rename(n, "folder") },
	}
}

// process makes the record one of level process.
func (w *world) process(boot string, mount uint64) {
	w.Helper()
	w.rec.Process, w.rec.Boot, w.rec.Mount = true, boot, mount
}

// After a restart, what a transaction of level process did not get to the disk is told once, as torn; nothing is redone
// or undone over it, and what was staged is kept. Which boot it was must be known.
func TestTorn(t *testing.T) {
	for _, lost := range []string{"", "free", "over", "gone", "run", "A", "folder", "free over gone run A folder"} {
		for _, stage := range []bool{true, false} {
			name := "lost " + lost
			if !stage {
				name += ", finished"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				for path, do := range everyKind(w) {
					if !slices.Contains(strings.Fields(lost), path) {
						do()
					}
				}
				w.process("another boot", 1)
				w.put(journal.Decided)
				if !stage {
					w.remove(".txcommit/stage/" + txid)
					w.remove(".txcommit/stage/" + txid + OwnerSuffix)
				}
				tree := w.tree()
				rep, err := w.recover()
				if errors.Is(err, ErrIncomplete) != (lost != "") || err != nil && lost == "" {
					t.Errorf("recover: %v, want ErrIncomplete: %v", err, lost != "")
				}
				if len(rep.Recovered) != 1 {
					t.Fatalf("report %+v", rep)
				}
				got := slices.Clone(rep.Recovered[0].Torn)
				want := strings.Fields(lost)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("torn are %q, want %q", got, want)
				}
				w.wantTree(tree)
				w.settled() // told once
			})
		}
	}
}

// After a restart a transaction of level process is in the history once if its folder is there, and not if what was staged
// went to displaced/.
func TestVerifiedHistory(t *testing.T) {
	for finished, want := range map[bool]int{true: 1, false: 0} {
		w := newWorld(t)
		for _, do := range everyKind(w) {
			do()
		}
		w.process("another boot", 1)
		w.rec.Keep = true
		w.put(journal.Decided)
		if finished {
			w.rename(".txcommit/stage/"+txid, ".txcommit/history/"+txid)
			w.remove(".txcommit/stage/" + txid + OwnerSuffix)
		}
		rep, err := w.recover()
		if err != nil || len(rep.Kept) != want {
			t.Errorf("finished %v: %d are kept, %v; want %d", finished, len(rep.Kept), err, want)
		}
	}
}

// Content that is not what was written is torn; what somebody else has put there since is not.
func TestTornContent(t *testing.T) {
	for name, tc := range map[string]struct {
		since func(w *world)
		torn  []string
	}{
		"cut short":        {func(w *world) { w.must(os.Truncate(w.path("free"), 1)) }, []string{"free"}},
		"zeros":            {func(w *world) { w.write("over", "\x00\x00\x00") }, []string{"over"}},
		"file of a folder": {func(w *world) { w.write("folder/f", "") }, []string{"folder"}},
		"folder emptied":   {func(w *world) { w.remove("folder/f") }, []string{"folder"}},
		"replaced":         {func(w *world) { w.replace("free", "theirs"); w.replace("over", "theirs") }, nil},
		"gone made anew":   {func(w *world) { w.write("gone", "theirs") }, nil},
		"mode changed":     {mode("run", 0o600), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, do := range everyKind(w) {
				do()
			}
			w.process("another boot", 1)
			w.put(journal.Decided)
			tc.since(w)
			tree := w.tree()
			rep, err := w.recover()
			if errors.Is(err, ErrIncomplete) != (tc.torn != nil) || len(rep.Recovered) != 1 || !slices.Equal(rep.Recovered[0].Torn, tc.torn) {
				t.Errorf("recover: %+v, %v; want torn %q", rep, err, tc.torn)
			}
			w.wantTree(tree)
			w.settled()
		})
	}
}

// A restart is another boot, another mount, or one that is not known. Without one the transaction is redone as any.
func TestRebooted(t *testing.T) {
	here, err := ThisBoot(newWorld(t).env.State)
	if err != nil || here.Boot == "" {
		needs(t, "the id of this boot: %+v, %v", here, err)
	}
	for name, tc := range map[string]struct {
		boot     string
		mount    uint64
		rebooted bool
	}{
		"same":          {here.Boot, here.Mount, false},
		"another boot":  {"x", here.Mount, true},
		"another mount": {here.Boot, here.Mount + 1, true},
		"unknown":       {"", here.Mount, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			after(exchange, nothing)(w)
			w.process(tc.boot, tc.mount)
			w.put(journal.Decided)
			rep, err := w.recover()
			if errors.Is(err, ErrIncomplete) != tc.rebooted {
				t.Errorf("recover: %+v, %v; want torn: %v", rep, err, tc.rebooted)
			}
			if tc.rebooted {
				w.wantTree(tOld)
				w.settled()
				return
			}
			w.wantTree(tNew)
			// It is finished, but its record stays until somebody has made durable what it did.
			if len(rep.Unsynced) != 1 {
				t.Fatalf("report %+v, want the record to be synced", rep)
			}
			w.must(w.env.SyncAll(rep.Unsynced))
			w.must(w.env.syncRecord(rep.Unsynced[0]))
			w.must(w.env.DB.Delete(rep.Unsynced...))
			w.settled()
		})
	}
}

// needsStamp skips a test where no stamp is ever believed.
func (w *world) needsStamp() {
	w.Helper()
	if b, err := ThisBoot(w.env.State); err != nil || !b.Once() {
		needs(w.T, "a mount whose number no other one will have: %+v, %v", b, err)
	}
}

// The stamp in the view lock is believed only if it is clean, whole, and of this boot and mount.
func TestStamp(t *testing.T) {
	w := newWorld(t)
	w.needsStamp()
	check := func(what string, want bool) {
		t.Helper()
		if got := Clean(w.env.State, w.env.View); got != want {
			t.Errorf("%s: clean is %v, want %v", what, got, want)
		}
	}
	check("never stamped", false)
	w.must(w.env.MarkClean())
	check("stamped clean", true)
	stamp, err := os.ReadFile(w.path(".txcommit/view.lock"))
	w.must(err)
	line := stamp[:bytes.IndexByte(stamp, '\n')+1]
	w.must(w.env.stampSerial(dirty))
	check("stamped dirty", false)
	for _, other := range []string{
		"", "clean", string(line[:len(line)-2]), strings.Replace(string(line), "clean", "clear", 1), "clean x 1\n",
		strings.Replace(string(line), " ", " 0", 1), strings.Repeat("\x00", len(line)),
	} {
		w.write(".txcommit/view.lock", other)
		check("holding "+other, false)
	}
	w.must(w.env.MarkClean())
	check("stamped again", true)
	// While steps are done it is dirty: that is what a death then leaves.
	after(exchange, nothing)(w)
	w.put(journal.Decided)
	w.rec.Stage.Ino++
	w.must(w.env.stampSerial(dirty))
	if _, err := w.recover(); err != nil {
		t.Fatal(err)
	}
	check("recovered", true)
}

// A recovery that ends one of two transactions leaves the stamp dirty: half of the other one may be in the tree.
func TestStampOfHalfARecovery(t *testing.T) {
	w := newWorld(t)
	after(exchange, nothing)(w)
	w.put(journal.Decided)
	other := *w.rec
	other.ID[15]++ // the later one
	w.must(os.Mkdir(w.path(".txcommit/stage/"+other.ID.String()), 0o700))
	w.must(w.env.DB.Put(nil, &other))
	rep, err := w.recover()
	if len(rep.Recovered) != 1 || !errors.Is(err, ErrIncomplete) {
		t.Fatalf("recover: %+v, %v; want the first one alone", rep, err)
	}
	if Clean(w.env.State, w.env.View) {
		t.Error("the stamp is clean")
	}
}

// A mount whose number may have been another one's before says nothing: what its page cache held may be gone.
func TestMountsOnce(t *testing.T) {
	for b, want := range map[BootMount]bool{
		{"b", 0}: false, {"b", 57}: false, {"b", 1 << 31}: false, {"b", 1<<31 + 1}: true, {"", 1<<31 + 1}: false,
	} {
		text := b.line(clean) + strings.Repeat("0", numberSize) + "\n" + strings.Repeat("0", numberSize) + " "
		stamp := strings.NewReader(text + stampSum(text))
		_, atRest := b.atRest(stamp)
		if b.Once() != want || b.clean(stamp) != want || atRest != want {
			t.Errorf("%+v: once %v, its clean stamp is believed by readers: %v, by commits: %v; want %v", b, b.Once(), b.clean(stamp), atRest, want)
		}
	}
}

// A stamp that is read while it is written is none, and each time that steps begin it is another one.
func TestAtRest(t *testing.T) {
	w := newWorld(t)
	w.needsStamp()
	read := func() string {
		b, err := os.ReadFile(w.path(".txcommit/view.lock"))
		w.must(err)
		return string(b)
	}
	w.must(w.env.MarkClean())
	first := read()
	if s, ok := AtRest(w.env.State, w.env.View); !ok || s != first {
		t.Errorf("a clean stamp is %q, %v", s, ok)
	}
	w.write(".txcommit/view.lock", first[:strings.LastIndexByte(first, ' ')]) // clean for readers
	w.must(w.env.MarkClean())
	if first = read(); first[len(first)-1] != '\n' {
		t.Errorf("the stamp was not made whole: %q", first)
	}
	w.must(w.env.stampSerial(dirty))
	begun := read()
	w.must(w.env.stamp(clean))
	second := read()
	if s, ok := AtRest(w.env.State, w.env.View); !ok || s != second || s == first {
		t.Errorf("the next clean stamp is %q after %q, %v", s, first, ok)
	}
	for _, half := range [][2]string{{first, begun}, {begun, first}, {begun, second}, {second, begun}, {"", first}} {
		for i := range begun {
			torn := half[0][:min(i, len(half[0]))] + half[1][i:]
			s, ok := AtRest(w.env.State, strings.NewReader(torn))
			if whole := torn == first || torn == second; ok != whole || ok && s != torn {
				t.Errorf("%q is taken for the stamp %q, %v", torn, s, ok)
			}
		}
	}
	for _, other := range []string{"", second[:len(second)/2], second + "x", second[:bytes.IndexByte([]byte(second), '\n')+1]} {
		if _, ok := AtRest(w.env.State, strings.NewReader(other)); ok {
			t.Errorf("%q is taken for a stamp", other)
		}
	}
}

// A walk tells apart whatever changes below a folder, and stops at nothing but what it must not enter.
func TestWalkFolder(t *testing.T) {
	w := newWorld(t)
	w.mkdir("d")
	w.mkdir("d/sub")
	w.write("d/sub/f", "x")
	w.must(os.Symlink("f", w.path("d/sub/link")))
	seen := map[uint64]string{w.walk("d"): "at first"}
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"a file is added", func() { w.write("d/sub/g", "y") }},
		{"a file is edited", func() { w.write("d/sub/f", "longer") }},
		{"a file is replaced", func() { w.replace("d/sub/f", "longer") }},
		{"a file is renamed", func() { w.rename("d/sub/f", "d/sub/h") }},
		{"a folder is added", func() { w.mkdir("d/empty") }},
		{"a folder is replaced", func() { w.remove("d/empty"); w.mkdir("other"); w.rename("other", "d/empty") }},
		{"a file moves up", func() { w.rename("d/sub/h", "d/h") }},
		{"a link changes", func() { w.remove("d/sub/link"); w.must(os.Symlink("g", w.path("d/sub/link"))) }},
		{"a file goes", func() { w.remove("d/h") }},
	} {
		change.do()
		digest := w.walk("d")
		if before, ok := seen[digest]; ok {
			t.Errorf("when %s the digest is as %s", change.name, before)
		}
		seen[digest] = "when " + change.name
	}
	w.mkdir("d/sub/" + journal.StateFolder)
	walk, err := WalkFolder(w.env.Root, "d")
	w.must(err)
	if walk.Store != "sub/"+journal.StateFolder || walk.Empty || walk.Files != 2 {
		t.Errorf("walk = %+v, want a store below and 2 files", walk)
	}
	before := w.walk("d")
	if Seal(fsys.Info{Size: 1, Mtime: 2}) == Seal(fsys.Info{Size: 1, Mtime: 3}) || Seal(fsys.Info{Size: 1}) == Seal(fsys.Info{Size: 2}) {
		t.Error("two files have the same seal")
	}
	if w.walk("d") != before {
		t.Error("a walk changes what it walks over")
	}
}

// What was torn is said only once, so an error that ends the recovery later does not hide it. Where recovery has to run
// again the error is not ErrTorn: there is something left to do.
func TestTornBeside(t *testing.T) {
	lost := Incomplete(&torn{"T", []string{"f", "g"}})
	for name, tc := range map[string]struct {
		err      error
		onlyTorn bool
	}{
		"another is incomplete": {Incomplete(errors.New("other")), false},
		"no cleaning up":        {errors.New("other"), true},
	} {
		err := beside(tc.err, lost)
		if !errors.Is(err, ErrIncomplete) || errors.Is(err, ErrTorn) != tc.onlyTorn ||
			!strings.Contains(err.Error(), "transaction T wrote with durability process: f, g") || !strings.Contains(err.Error(), "other") {
			t.Errorf("%s: %v; want both errors, ErrTorn: %v", name, err, tc.onlyTorn)
		}
		if err := beside(tc.err, nil); err != tc.err {
			t.Errorf("%s, nothing torn: %v", name, err)
		}
	}
}
