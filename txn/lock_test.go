//go:build unix

package txn

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A waiter has one time for all the locks of a call: when the first one has used it up, the second one is tried once.
func TestWaiterWaitsOnce(t *testing.T) {
	held := func(name string) *os.File {
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
	w := newWaiter(20 * time.Millisecond)
	for _, name := range []string{"first", "second"} {
		if err := w.lock(t.Context(), held(name), true, viewBusy, anybody); !errors.Is(err, ErrBusy) {
			t.Errorf("%s lock: got %v, want ErrBusy", name, err)
		}
		if w.left > 0 {
			t.Errorf("after the %s lock %v is left, want nothing", name, w.left)
		}
	}
}
