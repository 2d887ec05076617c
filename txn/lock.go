package txn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// waiter waits for locks of others on behalf of one call, up to a time for all of them together. What the call does
// between the locks does not count.
type waiter struct {
	left time.Duration
}

func newWaiter(timeout time.Duration) *waiter { return &waiter{timeout} }

// waited takes the time since start off what is left.
func (w *waiter) waited(start time.Time) { w.left -= time.Since(start) }

// The pauses between two tries grow up to briefly while the lock goes from hand to hand, so that nobody is left behind,
// and up to long while one and the same process holds it: then they are a quarter of its time, on average.
const (
	briefly = 25 * time.Millisecond
	long    = 1500 * time.Millisecond
)

// lock takes an flock on an open file. The kernel has no flock with a time limit, so it tries, with growing pauses. taken
// changes when another process takes the lock.
func (w *waiter) lock(ctx context.Context, f *os.File, exclusive bool, busy func() error, taken func() int64) error {
	start, pause := time.Now(), time.Millisecond
	defer w.waited(start)
	last, since := taken(), start
	for {
		ok, err := fsys.TryLock(f, exclusive)
		if err != nil || ok {
			return err
		}
		left := w.left - time.Since(start)
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
		if now := taken(); now != last {
			last, since = now, time.Now()
		}
		pause = min(2*pause, max(briefly, min(time.Since(since)/4, long)))
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

// lastTaken tells when somebody has last written the note about who holds the store.
func lastTaken(state *fsys.Dir) func() int64 {
	return func() int64 {
		i, err := state.Stat(holderFile)
		if err != nil {
			return 0
		}
		return i.Mtime
	}
}

// anybody is for a lock of which nobody notes that he has taken it.
func anybody() int64 { return time.Now().UnixNano() }

func viewBusy() error { return &busyError{"busy: readers hold the view"} }

// openLock opens one of the files that are locked, and makes it if it is missing. On a read-only mount it is opened for
// reading: a lock takes no more, and excludes those who can write, because the file system is mounted elsewhere too.
func openLock(state *fsys.Dir, name string) (f *os.File, readOnly bool, err error) {
	f, err = state.OpenOrCreate(name, 0o600)
	if readOnly = err == syscall.EROFS; readOnly {
		if f, err = state.Open(name); err == syscall.ENOENT {
			err = syscall.EROFS
		}
	}
	if err != nil {
		return nil, readOnly, recovery.PathError("open", statePath(name), err)
	}
	i, err := fsys.StatFile(f)
	if err == nil && i.Kind != fsys.File {
		err = wrongKind(name, i.Kind, fsys.File)
	}
	if err != nil {
		_ = f.Close()
		return nil, readOnly, recovery.PathErrno("stat", statePath(name), err)
	}
	return f, readOnly, nil
}

// lockStore takes the store's lock, which must be this store's alone.
func lockStore(ctx context.Context, state *fsys.Dir, w *waiter) (f *os.File, readOnly bool, err error) {
	f, links, readOnly, err := lockNow(ctx, state, w)
	if err == nil && links > 1 {
		_ = f.Close()
		return nil, readOnly, linkedError(lockFile)
	}
	return f, readOnly, err
}

// lockNow takes the store's lock, and tells how many names it has. The lock file may be replaced or deleted while we
// wait, so what was locked must still be what is at its name.
func lockNow(ctx context.Context, state *fsys.Dir, w *waiter) (f *os.File, links uint32, readOnly bool, err error) {
	for {
		f, readOnly, err := openLock(state, lockFile)
		if err != nil {
			return nil, 0, readOnly, err
		}
		if err := w.lock(ctx, f, true, storeBusy(state), lastTaken(state)); err != nil {
			_ = f.Close()
			return nil, 0, readOnly, recovery.PathErrno("lock", statePath(lockFile), err)
		}
		now, err := state.Stat(lockFile)
		var mine fsys.Info
		if err == nil {
			mine, err = fsys.StatFile(f)
		}
		if err == nil && now.ID == mine.ID {
			return f, mine.Nlink, readOnly, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, 0, readOnly, recovery.PathErrno("stat", statePath(lockFile), err)
		}
	}
}

// holderSize is the size of the note about who holds the lock, whatever is in it: a file that grows from nothing gets its
// block while barrier 1 writes it, and is noted in the file system's journal after that was to be done with: on ext4 two
// more flushes.
const holderSize = 256

// writeHolder notes who holds the lock, until clearHolder. It is for people, and its failure nobody's concern.
func writeHolder(state *fsys.Dir) *os.File {
	host, _ := os.Hostname()
	b, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return nil
	}
	f, err := state.OpenOrCreate(holderFile, 0o600)
	if err != nil {
		return nil
	}
	writeNote(f, b)
	return f
}

// clearHolder takes the note back before the lock is released: whoever is next may hold it without a note.
func clearHolder(f *os.File) {
	if f != nil {
		writeNote(f, nil)
		_ = f.Close()
	}
}

func writeNote(f *os.File, note []byte) {
	b := bytes.Repeat([]byte{' '}, max(holderSize, len(note)+1))
	copy(b, note)
	b[len(b)-1] = '\n'
	_, _ = f.WriteAt(b, 0)
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
	view     *os.File
	readOnly bool // the mount is
}

// openGate opens the view lock of a store.
func openGate(state *fsys.Dir) (*gate, error) {
	f, readOnly, err := openLock(state, viewFile)
	if err != nil {
		return nil, err
	}
	return &gate{f, readOnly}, nil
}

func (g *gate) close() { _ = g.view.Close() }

// take locks the view, after a turn at the turnstile.
func (g *gate) take(ctx context.Context, state *fsys.Dir, w *waiter, exclusive bool) error {
	busy := viewBusy
	if !exclusive {
		busy = storeBusy(state)
	}
	t, _, err := openLock(state, turnstileFile)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := w.lock(ctx, t, exclusive, busy, lastTaken(state)); err != nil {
		return recovery.PathErrno("lock", statePath(turnstileFile), err)
	}
	return recovery.PathErrno("lock", statePath(viewFile), w.lock(ctx, g.view, exclusive, busy, lastTaken(state)))
}
