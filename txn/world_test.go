//go:build unix

package txn_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// fatal is what *testing.T, *testing.F and *rapid.T have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t fatal, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// umask is that of the test process.
var umask = func() uint32 {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return uint32(old)
}()

// begin starts a transaction of ops. Their sources are relative to the working directory.
func begin(st *txn.Store, ops []manifest.Op) (*txn.Tx, error) {
	tx, err := st.Begin(context.Background())
	if err != nil {
		return nil, err
	}
	if err := tx.Apply(&manifest.Manifest{Ops: ops}, ""); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

func commitOps(st *txn.Store, ops []manifest.Op) (*txn.Result, error) {
	tx, err := begin(st, ops)
	if err != nil {
		return nil, err
	}
	return tx.Commit(context.Background())
}

func planOf(st *txn.Store, ops []manifest.Op) (*txn.Plan, error) {
	tx, err := begin(st, ops)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	return tx.Plan(context.Background())
}

// memoryDir returns a new folder in memory, where commits cost little; elsewhere where there is no such thing.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "txcommit-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func open(t *testing.T, root string, o *txn.Options) *txn.Store {
	t.Helper()
	st, err := txn.Open(t.Context(), root, o)
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	return st
}
