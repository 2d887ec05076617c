package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestMovedRoot moves the root of an unfinished store, on its file system: it is recovered where it is now.
func TestMovedRoot(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	moved := w.dir + "-moved"
	if err := os.Rename(w.dir, moved); err != nil {
		t.Fatal(err)
	}
	w.dir = moved
	w.before = w.everything()
	if w.recover("after the move") {
		t.Error("the moved store is refused")
	}
}

// TestOlderJournal puts an older journal back under an unfinished transaction, of which it knows nothing: what the stage
// folder holds may be the only copy of what was replaced, so nothing is touched until somebody gives it up; nor after a
// restart. After that it is a store like any other.
func TestOlderJournal(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(map[bool]string{false: "at once", true: "after a restart"}[restart], func(t *testing.T) {
			s := damaged.ready(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
			older, err := os.ReadFile(filepath.Join(s.root(), ".txcommit/journal.db"))
			if err != nil {
				t.Fatal(err)
			}
			w := wreckOf(t, s)
			if err := os.WriteFile(w.journal(), older, 0o600); err != nil {
				t.Fatal(err)
			}
			if restart {
				w.otherBoot()
			}
			w.before = w.everything()
			w.givenUp("an older journal")
			w.sweeps()
		})
	}
}

// otherBoot changes the stamp as if it were of an earlier boot.
func (w *wreck) otherBoot() {
	w.Helper()
	at := filepath.Join(w.root(), ".txcommit/view.lock")
	stamp, err := os.ReadFile(at)
	if err != nil {
		w.Fatal(err)
	}
	boot := strings.Fields(string(stamp))[1]
	other := strings.Map(func(r rune) rune {
		if r == '-' {
			return r
		}
		return '0'
	}, boot)
	if err := os.WriteFile(at, []byte(strings.Replace(string(stamp), boot, other, 1)), 0o600); err != nil {
		w.Fatal(err)
	}
}

// sweeps checks that what a dead process has staged is taken for that.
func (w *wreck) sweeps() {
	w.Helper()
	if err := os.Mkdir(filepath.Join(w.root(), ".txcommit/stage/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f"), 0o700); err != nil {
		w.Fatal(err)
	}
	if res := w.run(w.T, supervise.Fault{}, supervise.Options{}, "recover"); res.ExitCode != exitOK {
		w.Fatalf("recover of what a dead process has staged: exit code %d\n%s%s", res.ExitCode, res.Stdout, res.Stderr)
	}
}

// TestRestored unpacks a backup, taken while a transaction was unfinished, over the emptied root.
func TestRestored(t *testing.T) {
	w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
	backup := filepath.Join(workFolder(t), "backup.tar")
	for _, args := range [][]string{
		{"tar", "-C", w.dir, "-cf", backup, "root"}, {"rm", "-rf", w.root()}, {"tar", "-C", w.dir, "-xpf", backup},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	w.before = w.everything()
	w.givenUp("copied or restored")
}

// givenUp checks a store whose unfinished transaction cannot be ended: it is refused as incomplete and nothing is touched,
// until somebody gives it up.
func (w *wreck) givenUp(says string) {
	w.Helper()
	w.write(w.T, "other.json", `{"op": "write", "path": "other", "content": "x"}`)
	for _, args := range [][]string{{"recover"}, {"recover"}, {"apply", "other.json"}} {
		res := w.run(w.T, supervise.Fault{}, supervise.Options{}, args...)
		if res.ExitCode != exitIncomplete || !strings.Contains(string(res.Stderr), says) {
			w.Errorf("%s: exit code %d, want %d and %q:\n%s%s", args[0], res.ExitCode, exitIncomplete, says, res.Stdout, res.Stderr)
		}
		w.untouched(args[0])
	}
	tree, _, err := look(w.root())
	if err != nil {
		w.Fatal(err)
	}
	state, err := w.status(w.T.Context())
	if err != nil || len(state.Pending) != 1 {
		w.Fatalf("status: %+v, %v; want one pending transaction", state, err)
	}
	if res := w.run(w.T, supervise.Fault{}, supervise.Options{}, "recover", "--abandon", state.Pending[0].ID); res.ExitCode != exitOK {
		w.Fatalf("recover --abandon: exit code %d\n%s", res.ExitCode, res.Stderr)
	}
	w.gaveUp(tree, "abandon")
}
