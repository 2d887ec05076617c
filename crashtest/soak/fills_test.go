//go:build linux

package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

const (
	// fills is how often a disk is filled in the middle of a commit; half of the times nothing is left at all.
	fills = 200
	// endings is how many commits must end old, and how many new.
	endings = 20
	// late is how many may have to wait for space before they are ended: btrfs may refuse any rename.
	late = 10
	// spare is about what a disk has left of its size before it is filled.
	spare = 3 * mib
)

// TestFills fills small file systems, with content or with inodes, before any call of a commit. The commit succeeds with
// the new tree or fails with the old one, and nothing is left over. A third of the processes is killed some calls later.
// All this is checked while the disk is full, recoveries too: a full disk stops no way back.
func TestFills(t *testing.T) {
	for _, fs := range []sandbox.FS{
		sandbox.Ext4, sandbox.XFS.With("xfs-inodes", "-i", "maxpct=1"), sandbox.Btrfs, {Name: "tmpfs", Type: "tmpfs"},
	} {
		t.Run(fs.Name, func(t *testing.T) {
			t.Parallel()
			needs(t, fs)
			w := newWorld(t, fs)
			served := oracle.Serve(w.bin)
			t.Cleanup(func() { _ = served.Close() })
			f := &filling{world: w, run: served.Run, actor: w.actors[0], ended: map[string]int{}}
			if err := first(f.first(), w.use()); err != nil {
				t.Fatal(err)
			}
			for n := 0; f.filled < fills && n < 3*fills; n++ {
				if err := f.one(n); err != nil {
					t.Fatalf("seed %d: fill %d: %v", *seed, n, err)
				}
			}
			w.end()
			t.Logf("seed %d: filled in %d commits: %v; %v", *seed, f.filled, f.ended, w.counts)
			if n := f.counts["waits for space"]; n > late {
				t.Errorf("%d commits could not be ended without space, want at most %d", n, late)
			}
			for _, how := range []string{"old", "new"} {
				if f.ended[how] < endings || f.filled < fills {
					t.Errorf("%d of %d commits ended %s, want at least %d of %d", f.ended[how], f.filled, how, endings, fills)
				}
			}
		})
	}
}

// filling is a disk that is filled again and again.
type filling struct {
	*world
	run    oracle.Runner // for recoveries
	actor  *actor
	filled int            // commits
	ended  map[string]int // those, old and new
}

// use takes most of the space away for good, so that the rest is soon used up.
func (w *world) use() error {
	var st unix.Statfs_t
	if err := unix.Statfs(w.mount.Dir, &st); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(w.mount.Dir, "used"))
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(st.Bavail)*st.Bsize - spare
	if w.fs.Type == "btrfs" {
		size -= 5 * spare // old blocks are free only after its next transaction
	}
	return first(unix.Fallocate(int(f.Fd()), 0, 0, max(size, 1)), f.Sync())
}

// first makes the store: without one, a recovery on a full disk has no lock to take.
func (f *filling) first() error {
	c := &change{Rand: f.actor.Rand, prefix: f.actor.name, sources: f.actor.sources, old: f.actor.now(), new: maps.Clone(f.actor.now())}
	text := "stays"
	c.new["first"] = file("0644", text)
	c.add(workload.Op{Op: "write", Path: "first", Content: &text})
	r, err := f.try(c, 0)
	if err == nil {
		err = first(r.exec(supervise.Fault{}), r.settle())
	}
	return err
}

func (f *filling) try(c *change, history int) (*try, error) {
	m, err := c.manifest()
	args := []string{"apply", "--history", strconv.Itoa(history), m}
	return &try{actor: f.actor, change: c, args: args, trees: []tree{c.old, c.new}}, first(c.err, err)
}

func (f *filling) one(n int) error {
	a := f.actor
	a.version++
	c := &change{Rand: a.Rand, prefix: a.name, sources: a.sources, old: a.now()}
	c.make(strconv.Itoa(a.version))
	defer a.empty()
	r, err := f.try(c, n%2)
	if err != nil {
		return err
	}
	r.codes = map[int]bool{0: !c.fails, 1: true, 3: c.fails, 7: !c.fails}
	at, calls := 1+a.IntN(60), 0
	fill := f.disk.fill
	if n%3 == 0 && f.fs.Type != "btrfs" { // which has no table of inodes
		fill = f.disk.fillInodes
	}
	var failed error
	err = r.exec(supervise.Fault{At: 1 + a.IntN(60), Kill: n%3 == 1, Match: func(supervise.Call) bool {
		if calls++; calls == at {
			failed = fill()
		}
		return calls > at
	}})
	if err = first(failed, err); err != nil {
		return err
	}
	how, err := f.judge(r, c, n%3 == 1 && r.out.Hit != nil)
	if err != nil {
		return fmt.Errorf("full before call %d of %d: %w\n%s", at, calls, err, c.describe())
	}
	if calls >= at {
		f.filled++
		f.ended[how]++
	}
	return f.disk.free()
}

// judge checks everything on the full disk. It says how the commit has ended.
func (f *filling) judge(r *try, c *change, killed bool) (how string, err error) {
	if killed {
		r.killed = true
		f.count("killed", true)
	} else {
		code := r.out.ExitCode
		if r.starved(true) {
			return f.late(r, c)
		}
		if !r.codes[code] {
			return "", fmt.Errorf("exit code %d\n%s%s", code, r.out.Stdout, r.out.Stderr)
		}
		f.count(fmt.Sprint("exit ", code), true)
		r.trees = []tree{c.old}
		if code == 0 || code == 7 {
			r.trees[0] = c.new
		}
		if seen, err := look(f.actor.dir()); err != nil || difference(seen, r.trees[0]) != nil {
			return "", fmt.Errorf("exit code %d: %w\n%s%s", code, first(err, difference(seen, r.trees[0])), r.out.Stdout, r.out.Stderr)
		}
	}
	report, err := oracle.Recover(f.run, f.root)
	if err == nil && (report.Exit == 5 || report.Exit == 7) && f.fs.Type == "btrfs" { // 7: of the trash, not of the tree
		f.count("waits for space", true)
		return f.late(r, c)
	}
	if err != nil || report.Exit != 0 {
		return "", fmt.Errorf("recovery on the full disk: %w, %+v", err, report)
	}
	f.count("recovered", len(report.Recovered) > 0)
	if err := r.settle(); err != nil {
		return "", err
	}
	if difference(f.actor.now(), c.new) == nil {
		return "new", nil
	}
	return "old", nil
}

// late recovers once there is space again.
func (f *filling) late(r *try, c *change) (how string, err error) {
	if err := f.disk.free(); err != nil {
		return "", err
	}
	report, err := oracle.Recover(f.run, f.root)
	if err != nil || report.Exit != 0 {
		return "", fmt.Errorf("recovery with space again: %w, %+v", err, report)
	}
	if err := r.settle(); err != nil {
		return "", err
	}
	if difference(f.actor.now(), c.new) == nil {
		return "new", nil
	}
	return "old", nil
}

// fillInodes takes all inodes, but for a random rest.
func (d *disk) fillInodes() error {
	if err := os.MkdirAll(d.filler(), 0o700); err != nil {
		return err
	}
	name := func(n int) string { return filepath.Join(d.filler(), fmt.Sprint("inode", n)) }
	n := 0
	for ; ; n++ {
		f, err := os.Create(name(n))
		if isFull(err) {
			break
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	for left := d.rng.IntN(2) * d.rng.IntN(12); left > 0; left-- {
		n--
		if err := os.Remove(name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
