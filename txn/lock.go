package txn

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// waiter waits for locks of other processes, up to a deadline for all of them together.
type waiter struct {
	deadline time.Time
}

func newWaiter(timeout time.Duration) *waiter { return &waiter{time.Now().Add(timeout)} }

// lock takes an flock on an open file. The kernel has no flock with a time limit, so it tries, with growing pauses.
func (w *waiter) lock(ctx context.Context, f *os.File, exclusive bool, busy func() error) error {
	pause := time.Millisecond
	for {
		ok, err := fsys.TryLock(f, exclusive)
		if err != nil || ok {
			return err
		}
		left := time.Until(w.deadline)
		if left <= 0 {
			return busy()
		}
		t := time.NewTimer(min(left, pause/2+rand.N(pause)))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		pause = min(2*pause, 25*time.Millisecond)
	}
}

// busyError is ErrBusy with who holds the store, as far as that is known.
type busyError struct{ text string }

func (e *busyError) Error() string { return e.text }
func (e *busyError) Unwrap() error { return ErrBusy }

func storeBusy(state *fsys.Dir) func() error {
	return func() error {
		h := readHolder(state)
		if h == nil {
			return &busyError{"busy: the store is held by another process"}
		}
		return &busyError{fmt.Sprintf("busy: held by pid %d on %s since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))}
	}
}

func viewBusy() error { return &busyError{"busy: readers hold the view"} }

// lockStore takes the store's lock, which must be this store's alone.
func lockStore(ctx context.Context, state *fsys.Dir, w *waiter) (*os.File, error) {
	f, links, err := lockNow(ctx, state, w)
	if err == nil && links > 1 {
		_ = f.Close()
		return nil, linkedError(lockFile)
	}
	return f, err
}

// lockNow takes the store's lock, and tells how many names it has. The lock file may be replaced or deleted while we
// wait, so what was locked must still be what is at its name.
func lockNow(ctx context.Context, state *fsys.Dir, w *waiter) (f *os.File, links uint32, err error) {
	for {
		f, err := state.OpenOrCreate(lockFile, 0o600)
		if err != nil {
			return nil, 0, recovery.PathError("open", statePath(lockFile), err)
		}
		if err := w.lock(ctx, f, true, storeBusy(state)); err != nil {
			_ = f.Close()
			return nil, 0, recovery.PathErrno("lock", statePath(lockFile), err)
		}
		now, err := state.Stat(lockFile)
		var mine fsys.Info
		if err == nil {
			mine, err = fsys.StatFile(f)
		}
		if err == nil && mine.Kind != fsys.File {
			_ = f.Close()
			return nil, 0, wrongKind(lockFile, mine.Kind, fsys.File)
		}
		if err == nil && now.ID == mine.ID {
			return f, mine.Nlink, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, 0, recovery.PathErrno("stat", statePath(lockFile), err)
		}
	}
}

// writeHolder notes who holds the lock. It is for people, and its failure nobody's concern.
func writeHolder(state *fsys.Dir) {
	host, _ := os.Hostname()
	b, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return
	}
	f, err := state.OpenOrCreate(holderFile, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(append(b, '\n'), 0)
	}
}

func readHolder(state *fsys.Dir) *Holder {
	f, err := state.Open(holderFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	var h Holder
	if json.NewDecoder(f).Decode(&h) != nil {
		return nil
	}
	return &h
}

// gate is the view lock: shared by readers, exclusive while steps are done. A turnstile in front of it keeps readers
// and writers from starving each other: who waits for the view holds the turnstile, so that nobody overtakes.
type gate struct {
	view *os.File
}

// openGate opens the view lock of a store.
func openGate(state *fsys.Dir) (*gate, error) {
	f, err := state.OpenOrCreate(viewFile, 0o600)
	if err != nil {
		return nil, recovery.PathError("open", statePath(viewFile), err)
	}
	return &gate{f}, nil
}

func (g *gate) close() { _ = g.view.Close() }

// take locks the view, after a turn at the turnstile.
func (g *gate) take(ctx context.Context, state *fsys.Dir, w *waiter, exclusive bool) error {
	busy := viewBusy
	if !exclusive {
		busy = storeBusy(state)
	}
	t, err := state.OpenOrCreate(turnstileFile, 0o600)
	if err != nil {
		return recovery.PathError("open", statePath(turnstileFile), err)
	}
	defer t.Close()
	if err := w.lock(ctx, t, exclusive, busy); err != nil {
		return recovery.PathErrno("lock", statePath(turnstileFile), err)
	}
	return recovery.PathErrno("lock", statePath(viewFile), w.lock(ctx, g.view, exclusive, busy))
}
