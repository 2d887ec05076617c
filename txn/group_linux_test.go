package txn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/journal"
)

const (
	groupSize = 4 // writers
	groupDir  = "TXCOMMIT_TEST_GROUP"
)

// commitTogether commits one transaction for each writer, so that one of them commits for all: a view keeps the first one
// waiting until the others wait behind it. ended is told of each.
func commitTogether(st *Store, edit func(i int, tx *Tx) error, ended func(i int, err error)) error {
	var wg sync.WaitGroup
	var failed atomic.Int32
	writer := func(i int) {
		defer wg.Done()
		tx, err := st.Begin(context.Background())
		if err == nil {
			err = edit(i, tx)
		}
		if err == nil {
			_, err = tx.Commit(context.Background()) // a cleanup that fails leaves the tree new
		}
		failed.Add(1)
		ended(i, err)
	}
	waiting := func() int {
		st.mu.Lock()
		defer st.mu.Unlock()
		return len(st.waiting)
	}
	err := st.View(context.Background(), func(fs.FS) error {
		wg.Add(groupSize)
		for i := range groupSize {
			go writer(i)
		}
		for waiting()+int(failed.Load()) < groupSize-1 || len(st.queue) == 0 && failed.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	if err != nil && failed.Load() == 0 { // there was no view to keep anybody waiting
		return err
	}
	wg.Wait()
	return nil
}

// plantGroup makes a store in which two files belong to each writer.
func plantGroup(t *testing.T, dir string) {
	t.Helper()
	for i := range groupSize {
		need(t, os.MkdirAll(filepath.Join(dir, strconv.Itoa(i)), 0o755))
		need(t, os.WriteFile(filepath.Join(dir, strconv.Itoa(i), "x"), []byte("old"), 0o600))
	}
	need(t, os.WriteFile(filepath.Join(dir, "first"), nil, 0o600))
	st, err := Open(t.Context(), dir, nil)
	need(t, err)
	need(t, st.Update(t.Context(), func(tx *Tx) error { return tx.WriteFile("first", []byte("made"), 0o600) }))
	need(t, st.Close())
}

// renewBoth replaces one file of a writer and makes the other.
func renewBoth(i int, tx *Tx) error {
	dir := strconv.Itoa(i)
	return errors.Join(tx.WriteFile(dir+"/x", []byte("new"), 0o600), tx.WriteFile(dir+"/y", []byte("new"), 0o600))
}

// state tells whether a writer's files are old or new; anything else is an error.
func groupState(t *testing.T, dir string, i int) (isNew bool) {
	t.Helper()
	x, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i), "x"))
	need(t, err)
	y, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i), "y"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	switch string(x) + "," + string(y) {
	case "old,":
		return false
	case "new,new":
		return true
	}
	t.Fatalf("writer %d: %q and %q are halves", i, x, y)
	return false
}

// finished counts the records that wait for the next put.
func finished(t *testing.T, dir string) int {
	t.Helper()
	st, err := Open(t.Context(), dir, nil)
	need(t, err)
	defer st.Close()
	var all []*journal.Record
	need(t, st.locked(t.Context(), newWaiter(time.Minute), func(ses *session) (err error) {
		all, err = ses.env.DB.Records()
		return err
	}))
	return len(all)
}

// TestGroup lets writers wait for their turn, and checks that one commits for all of them: their records are in the
// journal, which each commit of its own would have left with one.
func TestGroup(t *testing.T) {
	dir := t.TempDir()
	plantGroup(t, dir)
	st, err := Open(t.Context(), dir, nil)
	need(t, err)
	need(t, commitTogether(st, renewBoth, func(i int, err error) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}))
	need(t, st.Close())
	for i := range groupSize {
		if !groupState(t, dir, i) {
			t.Errorf("writer %d: its files are old", i)
		}
	}
	if n := finished(t, dir); n != groupSize {
		t.Errorf("the journal holds %d records, want %d of one put", n, groupSize)
	}
}

// TestGroupClash lets writers of one file wait for their turn: each sees what the one before it has left.
func TestGroupClash(t *testing.T) {
	dir := t.TempDir()
	plantGroup(t, dir)
	st, err := Open(t.Context(), dir, nil)
	need(t, err)
	var conflicts, written atomic.Int32
	need(t, commitTogether(st,
		func(i int, tx *Tx) error { return tx.WriteFile("once", []byte(strconv.Itoa(i)), 0o600, IfAbsent()) },
		func(_ int, err error) {
			switch {
			case err == nil:
				written.Add(1)
			case errors.Is(err, ErrConflict):
				conflicts.Add(1)
			default:
				t.Error(err)
			}
		}))
	need(t, st.Close())
	if written.Load() != 1 || conflicts.Load() != groupSize-1 {
		t.Errorf("%d have made the file and %d met a conflict, want one and all others", written.Load(), conflicts.Load())
	}
}

// TestGroupDriver is the process of TestGroupCrash. It tells of each writer what became of it.
func TestGroupDriver(*testing.T) {
	dir := os.Getenv(groupDir)
	if dir == "" {
		return // nobody has asked for it
	}
	st, err := Open(context.Background(), dir, nil)
	if err == nil {
		err = commitTogether(st, renewBoth, func(i int, err error) {
			what := "old"
			switch {
			case err == nil:
				what = "new"
			case errors.Is(err, ErrIncomplete):
				what = "open"
			}
			fmt.Printf("%d is %s: %v\n", i, what, err)
		})
		_ = st.Close()
	}
	fmt.Println("end:", err)
}

// TestGroupCrash kills a process in which one writer commits for all at each of its calls, and lets each of its calls
// fail, once and for good. After the recovery the files of each writer are all old or all new, as it was told.
func TestGroupCrash(t *testing.T) {
	needSupervisor(t)
	for name, fault := range map[string]supervise.Fault{
		"killed": {Kill: true}, "EIO": {Errno: syscall.EIO}, "ENOSPC": {Errno: syscall.ENOSPC},
		"EIO from there on": {Errno: syscall.EIO, Until: supervise.Forever},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := [2]int{}
			for fault.At = 1; groupRun(t, fault, &seen); fault.At++ {
			}
			if fault.At < 30 || seen[0] == 0 || seen[1] == 0 {
				t.Errorf("%d calls, %d writers old and %d new afterwards: that was no commit", fault.At, seen[0], seen[1])
			}
		})
	}
}

// groupRun does one run, and says whether it came to the fault.
func groupRun(t *testing.T, fault supervise.Fault, seen *[2]int) bool {
	t.Helper()
	dir := t.TempDir()
	plantGroup(t, dir)
	env := append(os.Environ(), groupDir+"="+dir)
	res, err := supervise.Run(fault, supervise.Options{Env: env}, os.Args[0], "-test.run=^TestGroupDriver$")
	need(t, err)
	if res.Hit == nil {
		return false
	}
	st, err := Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatalf("call %v: recovery: %v\n%s%s", res.Hit, err, res.Stdout, res.Stderr)
	}
	need(t, st.Close())
	for i := range groupSize {
		isNew := groupState(t, dir, i)
		said := string(res.Stdout)
		if strings.Contains(said, fmt.Sprintf("%d is new", i)) && !isNew || strings.Contains(said, fmt.Sprintf("%d is old", i)) && isNew {
			t.Errorf("call %v: writer %d: its files are new: %t\n%s%s", res.Hit, i, isNew, said, res.Stderr)
		}
		if isNew {
			seen[1]++
		} else {
			seen[0]++
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, ".txcommit", "stage"))
	need(t, err)
	if len(left) > 0 {
		t.Errorf("call %v: %v is left in stage/", res.Hit, left)
	}
	return !t.Failed()
}

// needSupervisor is for tests that kill a process at a call.
func needSupervisor(t *testing.T) {
	t.Helper()
	if err := supervise.Supported(); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs seccomp: %v", err)
		}
		t.Skipf("needs seccomp: %v", err)
	}
}

func need(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
