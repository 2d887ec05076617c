package txn

import (
	"errors"
	"os"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// NeedStamp skips a test where no stamp is ever believed, and level process is as level sync.
func NeedStamp(t *testing.T) {
	t.Helper()
	d, err := fsys.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b := bootOf(t, d)
	if b.Once() {
		return
	}
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs a mount whose number no other one will have: %+v", b)
	}
	t.Skipf("needs a mount whose number no other one will have: %+v", b)
}

func bootOf(t *testing.T, d *fsys.Dir) recovery.BootMount {
	t.Helper()
	b, err := recovery.ThisBoot(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Level process is what its record says, and where a mount has no number of its own the record does not say so.
func TestLevelProcessNeedsItsMount(t *testing.T) {
	root := t.TempDir()
	st, err := Open(t.Context(), root, &Options{Durability: Process, AllowUnsafeFS: true})
	if err != nil {
		t.Fatal(err)
	}
	err = st.Update(t.Context(), func(tx *Tx) error { return tx.WriteFile("f", []byte("x"), 0o600) })
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	d, err := fsys.OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	state, err := openState(d)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	db, err := openJournal(state, journal.Open)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all, err := db.Records()
	if want := bootOf(t, state).Once(); err != nil || len(all) != 1 || all[0].Process != want {
		t.Errorf("records %+v, %v; want one, of level process: %v", all, err, want)
	}
}
