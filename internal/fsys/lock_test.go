package fsys

import (
	"os"
	"testing"
)

// lockFile opens a file to be locked, each time anew.
func lockFile(t *testing.T, d *Dir) *os.File {
	t.Helper()
	f, err := d.OpenOrCreate("lock", 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func try(t *testing.T, f *os.File, exclusive, want bool) {
	t.Helper()
	if ok, err := TryLock(f, exclusive); ok != want || err != nil {
		t.Errorf("TryLock(exclusive %v) = %v, %v; want %v", exclusive, ok, err, want)
	}
}

// A lock is shared or exclusive, belongs to the open file, and ends with it.
func TestTryLock(t *testing.T) {
	d, _ := tempDir(t)
	a, b, c := lockFile(t, d), lockFile(t, d), lockFile(t, d)
	try(t, a, false, true)
	try(t, b, false, true)
	try(t, c, true, false)
	must(t, a.Close())
	try(t, c, true, false)
	must(t, b.Close())
	try(t, c, true, true)
	e := lockFile(t, d)
	try(t, e, false, false)
	try(t, e, true, false)
	must(t, c.Close())
	try(t, e, true, true)
	closed := lockFile(t, d)
	must(t, closed.Close())
	if ok, err := TryLock(closed, true); ok || err == nil {
		t.Errorf("TryLock of a closed file = %v, %v; want an error", ok, err)
	}
}
