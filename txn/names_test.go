//go:build unix

package txn_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
)

// A name is any bytes but NUL and slash: a record that speaks of one that is not UTF-8 can be read again, by the next
// commit and by recovery.
func TestNamesOfAnyBytes(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	names := []string{"a\xff", "\xfe/\x80\x01", "ü\xc3", "new\nline", "tab\t"}
	for round := range 3 {
		st, err := txn.Open(ctx, root, nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		err = st.Update(ctx, func(tx *txn.Tx) error {
			for _, n := range names {
				if err := tx.WriteFile(n, []byte{byte(round)}, 0o644); err != nil {
					return err
				}
			}
			return tx.SetMessage("bytes \xff")
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if got, err := os.ReadFile(filepath.Join(root, n)); err != nil || string(got) != string([]byte{byte(round)}) {
				t.Errorf("round %d: %q holds %q, %v", round, n, got, err)
			}
		}
	}
}

// The mode of a special file is not changed: no sync makes it durable.
func TestChmodOfSpecialFile(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	err = st.Update(ctx, func(tx *txn.Tx) error { return tx.Chmod("fifo", 0o600) })
	const want = "fifo: is a special file (FIFO, socket or device), which a chmod does not change"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Transactions of level process do not pile up in the journal: from a number on, a commit makes them durable and drops
// their records.
func TestProcessRecordsAreBounded(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	st, err := txn.Open(ctx, root, &txn.Options{Durability: txn.Process})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	size := func() int64 {
		i, err := os.Stat(filepath.Join(root, ".txcommit/journal.db"))
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	for i := range 200 {
		err := st.Update(ctx, func(tx *txn.Tx) error {
			for j := range 20 {
				if err := tx.WriteFile(string(rune('a'+j)), []byte{byte(i)}, 0o644); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := size(); got > 1<<20 {
		t.Errorf("after 200 commits the journal has %d bytes, want at most 1 MiB", got)
	}
}
