//go:build unix

package txn

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// heldFile is a file that another open file has locked.
func heldFile(t *testing.T, name string) *os.File {
	path := filepath.Join(t.TempDir(), name)
	var fs [2]*os.File
	for i := range fs {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		fs[i] = f
	}
	if err := syscall.Flock(int(fs[0].Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return fs[1]
}

// A waiter has one time for all the locks of a call: when the first one has used it up, the second one is tried once.
func TestWaiterWaitsOnce(t *testing.T) {
	w := newWaiter(20 * time.Millisecond)
	for _, name := range []string{"first", "second"} {
		if err := w.lock(t.Context(), heldFile(t, name), true, viewBusy, anybody); !errors.Is(err, ErrBusy) {
			t.Errorf("%s lock: got %v, want ErrBusy", name, err)
		}
		if w.left > 0 {
			t.Errorf("after the %s lock %v is left, want nothing", name, w.left)
		}
	}
}

// TestPauses counts, on a clock of its own, the tries for a lock: hardly one a second once one process holds it for long,
// so that waiters cost nothing, and dozens while it goes from hand to hand, so that none is left behind.
func TestPauses(t *testing.T) {
	for _, c := range []struct {
		name        string
		taken       func() int64
		least, most int
	}{
		{"held by one", func() int64 { return 0 }, 50, 90},
		{"from hand to hand", anybody, 2000, 5000},
	} {
		f := heldFile(t, c.name)
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			count := func() int64 { tries++; return c.taken() }
			if err := newWaiter(time.Minute).lock(t.Context(), f, true, viewBusy, count); !errors.Is(err, ErrBusy) {
				t.Errorf("%s: got %v, want ErrBusy", c.name, err)
			}
			if tries < c.least || tries > c.most {
				t.Errorf("%s: %d tries in a minute, want %d to %d", c.name, tries, c.least, c.most)
			}
			t.Logf("%s: %d tries in a minute", c.name, tries)
		})
	}
}
