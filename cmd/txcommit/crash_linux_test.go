package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// needBinary builds the command, once for all tests, and skips the test where no process can be supervised.
func needBinary(t *testing.T) string {
	t.Helper()
	if err := supervise.Supported(); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs seccomp user notification: %v", err)
		}
		t.Skipf("needs seccomp user notification: %v", err)
	}
	bin, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

var builtBinary = sync.OnceValues(func() (string, error) {
	unix.Umask(0o022) // which the workloads are written for
	dir, err := os.MkdirTemp("", "txcommit-crash")
	if err != nil {
		return "", err
	}
	atEnd = append(atEnd, func() { _ = os.RemoveAll(dir) })
	bin := filepath.Join(dir, "txcommit")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// memory is a file system on which no flush waits for a device. What survives a kill or an error is the same there.
const memory = "/dev/shm"

// workFolder returns a folder for the roots of a test, in memory if there is such a place.
func workFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "txcommit-crash")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A workload is one apply: what the tree is before and must be after it.
type workload struct {
	name string
	// earlier are transactions that have made start of base; without any there is no store yet.
	earlier []string
	base    layout
	level   txn.Durability // of the earlier ones
	start   layout
	source  layout // beside the root, for ops with a source
	ops     string // of the manifest that is applied
	flags   []string
	want    layout
	left    layout // of the source, after a commit; nil: all of it
	// noExchange says that the kernel refuses to exchange names.
	noExchange bool
}

// stand is a workload that is ready to run: a root, a source and a manifest in a folder of their own.
type stand struct {
	*workload
	bin    string
	dir    string
	start  layout
	want   layout
	inodes map[string]inode // of the tree at the start
}

// ready makes the folder of a stand anew.
func (w *workload) ready(t testing.TB, bin, dir string) *stand {
	t.Helper()
	s := &stand{workload: w, bin: bin, dir: dir, start: w.start.full(), want: w.want.full()}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, s.root(), s.src()} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if w.base == nil {
		w.start.build(t, s.root())
	} else {
		w.base.build(t, s.root())
	}
	w.source.build(t, s.src())
	s.write(t, "m.json", w.ops)
	for i, ops := range w.earlier {
		s.write(t, "earlier.json", ops)
		if err := s.commit("earlier.json", w.level); err != nil {
			t.Fatalf("%s: earlier transaction %d: %v", w.name, i, err)
		}
	}
	now, inodes, err := look(s.root())
	if err != nil {
		t.Fatal(err)
	}
	if diff := now.differences(s.start); len(diff) > 0 {
		t.Fatalf("%s: the tree that it starts with: %s", w.name, strings.Join(diff, "; "))
	}
	s.inodes = inodes
	return s
}

func (s *stand) root() string { return filepath.Join(s.dir, "root") }
func (s *stand) src() string  { return filepath.Join(s.dir, "src") }

func (s *stand) write(t testing.TB, name, ops string) {
	t.Helper()
	m := fmt.Sprintf(`{"version": 1, "ops": [%s]}`, ops)
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(m), 0o600); err != nil {
		t.Fatal(err)
	}
}

// commit applies a manifest in this process.
func (s *stand) commit(name string, level txn.Durability) error {
	f, err := os.Open(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := manifest.Parse(name, f)
	if err != nil {
		return err
	}
	ctx := context.Background()
	st, err := txn.Open(ctx, s.root(), &txn.Options{Durability: level})
	if err != nil {
		return err
	}
	err = st.Update(ctx, func(tx *txn.Tx) error { return tx.Apply(m, s.dir) })
	return errors.Join(err, st.Close())
}

// apply runs the workload under a fault.
func (s *stand) apply(t testing.TB, f supervise.Fault) supervise.Result {
	t.Helper()
	return s.run(t, f, supervise.Options{}, append([]string{"apply", "m.json"}, s.flags...)...)
}

// run runs the command under a fault. Its working directory holds the root.
func (s *stand) run(t testing.TB, f supervise.Fault, o supervise.Options, args ...string) supervise.Result {
	t.Helper()
	if s.noExchange {
		f.Refuse = refuseExchange
	}
	argv := append([]string{s.bin, "-C", "root"}, args...)
	o.Dir = s.dir
	res, err := supervise.Run(f, o, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// refuseExchange is a file system that cannot exchange names.
func refuseExchange(c supervise.Call) syscall.Errno {
	if c.Nr == unix.SYS_RENAMEAT2 && c.Args[4] == unix.RENAME_EXCHANGE {
		return unix.EINVAL
	}
	return 0
}

// verdict is what a tree may be.
type verdict int

const (
	either verdict = iota
	old
	renewed
)

func (v verdict) String() string { return [...]string{"old or new", "old", "new"}[v] }

// checkTree checks that the tree is all old or all new, and what of both it may be; and that what no op names is
// untouched. It returns what the tree is.
func (s *stand) checkTree(may verdict) (verdict, error) {
	now, inodes, err := look(s.root())
	if err != nil {
		return either, err
	}
	toOld, toNew := now.differences(s.start), now.differences(s.want)
	is := renewed
	switch {
	case len(toOld) == 0:
		is = old
	case len(toNew) > 0:
		return either, fmt.Errorf("the tree is neither old (%s) nor new (%s)", strings.Join(toOld, "; "), strings.Join(toNew, "; "))
	}
	if may != either && may != is {
		return is, fmt.Errorf("the tree is %v, want %v", is, may)
	}
	for p, e := range s.start {
		if is == renewed && s.want[p] != e || strings.HasPrefix(e, "dir ") && inodes[p].Ino == s.inodes[p].Ino {
			continue
		}
		if inodes[p] != s.inodes[p] {
			return is, fmt.Errorf("%s, which is as it was: inode and mtime %v, want %v", p, inodes[p], s.inodes[p])
		}
	}
	return is, s.checkSource(is)
}

// checkSource checks that nothing of the source is lost: a moved one goes after the commit only.
func (s *stand) checkSource(is verdict) error {
	now, _, err := look(s.src())
	switch {
	case os.IsNotExist(err):
		now = layout{}
	case err != nil:
		return err
	}
	all, left := s.source.full(), s.source.full()
	if s.left != nil && is == renewed {
		left = s.left.full()
	}
	if diff := now.differences(all); is == old && len(diff) > 0 {
		return fmt.Errorf("source: %s", strings.Join(diff, "; "))
	}
	if !now.within(all) || !left.within(now) {
		return fmt.Errorf("source: %v, want all of %v and nothing but %v", now, left, all)
	}
	return nil
}

// checkRest checks a store after its recovery: clean, without litter, and recovered for good; and that the next
// transaction works.
func (s *stand) checkRest(t testing.TB, is verdict) error {
	ctx := context.Background()
	state, err := s.status(ctx)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if b, _ := json.Marshal(state); state.State != "clean" || state.Leftovers > 0 || len(state.Displaced) > 0 {
		return fmt.Errorf("status: %s, want clean", b)
	}
	litter, names, err := lookAtState(s.root())
	if err != nil || len(litter) > 0 {
		return fmt.Errorf("litter in .txcommit: %q (%v)", litter, err)
	}
	rep, err := txn.Recover(ctx, s.root(), nil)
	if err != nil || len(rep.Recovered) > 0 || rep.Swept > 0 {
		return fmt.Errorf("second recovery: %+v (%v), want nothing to do", rep, err)
	}
	if _, again, err := lookAtState(s.root()); err != nil || !slices.Equal(names, again) {
		return fmt.Errorf("second recovery: .txcommit has %q (%v), had %q", again, err, names)
	}
	if _, err := s.checkTree(is); err != nil {
		return fmt.Errorf("second recovery: %w", err)
	}
	return s.checkNext(t, is)
}

// status asks until the store is not busy: a child that another test is just starting holds our lock until its exec.
func (s *stand) status(ctx context.Context) (*txn.State, error) {
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		state, err := txn.Status(ctx, s.root(), nil)
		if err != nil || state.State != "busy" || time.Now().After(deadline) {
			return state, err
		}
	}
}

// checkNext checks that the store takes another transaction.
func (s *stand) checkNext(t testing.TB, is verdict) error {
	s.write(t, "next.json", `{"op": "write", "path": "next", "content": "next", "mode": "0644", "expect": "absent"}`)
	if err := s.commit("next.json", txn.Sync); err != nil {
		return fmt.Errorf("next transaction: %w", err)
	}
	want := s.start
	if is == renewed {
		want = s.want
	}
	now, _, err := look(s.root())
	if err != nil {
		return err
	}
	if diff := now.differences(want.with("next", "file 0644 next")); len(diff) > 0 {
		return fmt.Errorf("next transaction: %s", strings.Join(diff, "; "))
	}
	return s.checkJournal()
}

// checkJournal runs bbolt's own check.
func (s *stand) checkJournal() error {
	db, err := journal.OpenReadOnly(os.OpenFile, filepath.Join(s.root(), ".txcommit", "journal.db"))
	if err != nil {
		return err
	}
	return errors.Join(db.Check(), db.Close())
}
