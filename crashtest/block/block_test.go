//go:build linux

package block

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(sandbox.Main(m))
}

// campaign is how a file system is crashed: each mode with each seed.
type campaign struct {
	fs    []sandbox.FS
	modes []Mode
	seeds []uint64
	// states is how many are checked of each recording. nested of those with something to recover are recovered on a
	// disk, and as many states of each of these recoveries are checked.
	states, nested, cuts int
	workers              int
	// floor is how many states there must be in all.
	floor int
}

var modes = []Mode{Lazy, Eager, Prodded}

// The campaigns of CI. Their floors are promises of docs/crash-safety.md. The seeds are of workloads with several refused
// renames: few states lie in an undo.
var campaigns = map[string]campaign{
	"ext4": {
		fs:    []sandbox.FS{sandbox.Ext4, sandbox.Ext4NoAlloc, sandbox.Ext4Writeback},
		modes: modes, seeds: []uint64{1, 2, 3, 4}, states: 66, nested: 2, cuts: 10, workers: 2, floor: 3000,
	},
	"xfs": {
		fs:    []sandbox.FS{sandbox.XFS},
		modes: modes, seeds: []uint64{16, 49, 62, 63}, states: 74, nested: 2, cuts: 8, workers: 2, floor: 1000,
	},
	"btrfs": {
		fs:    []sandbox.FS{sandbox.Btrfs},
		modes: modes, seeds: []uint64{16, 23, 61, 63}, states: 46, nested: 1, cuts: 8, floor: 600,
	},
}

// needs are the capabilities that every recording takes.
func needs(t *testing.T, fs ...sandbox.FS) {
	t.Helper()
	all := []sandbox.Capability{sandbox.Private, sandbox.Probed("seccomp user notification", supervise.Supported)}
	for _, f := range fs {
		all = append(all, sandbox.Loop(f))
	}
	sandbox.Need(t, all...)
}

// TestPowerCut records workloads on each file system in each mode, and checks states that the disk may be in after a
// power cut: each is mounted and recovered, twice, and satisfies the oracle. Of some states the recovery is cut, too.
func TestPowerCut(t *testing.T) {
	for name, c := range campaigns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, c.fs...)
			total := c.run(t)
			if total.States < c.floor {
				t.Errorf("%d states, want at least %d", total.States, c.floor)
			}
			if total.Partial*10 < total.States { // decided, or being undone, and neither all old nor all new
				t.Errorf("%d states had a tree in between, want a tenth of all %d", total.Partial, total.States)
			}
			if total.Redone == 0 || total.Undone == 0 || total.Swept == 0 || total.Nested == 0 {
				t.Errorf("%v: want some of each kind", total)
			}
			if len(total.Unmountable) > total.States/100 {
				t.Errorf("%d states do not mount, want at most one in a hundred: %q", len(total.Unmountable), total.Unmountable)
			}
		})
	}
}

// run does a campaign and reports its violations.
func (c campaign) run(t *testing.T) (total Tally) {
	t.Helper()
	for _, fs := range c.fs {
		for _, mode := range c.modes {
			var sum Tally
			began := time.Now()
			for _, seed := range c.seeds {
				sum.Add(c.one(t, fs, mode, seed))
			}
			for _, why := range sum.Unmountable {
				t.Logf("%s, %s: %s", fs.Name, mode, why)
			}
			t.Logf("%s, %s: %v, in %v", fs.Name, mode, sum, time.Since(began).Round(time.Second/10))
			total.Add(sum)
		}
	}
	t.Logf("in all: %v", total)
	return total
}

// one hunts once and reports the violations.
func (c campaign) one(t *testing.T, fs sandbox.FS, mode Mode, seed uint64) Tally {
	t.Helper()
	h := Hunt{
		FS: fs, Mode: mode, Seed: seed, Bin: bin.Need(t), Temp: sandbox.TempDir(t, "block-"),
		States: c.states, Nested: c.nested, Cuts: c.cuts, Workers: c.workers,
	}
	if len(c.seeds) > 0 && seed == c.seeds[0] && mode == c.modes[0] {
		h.Nested, h.Cuts = 1, math.MaxInt32 // one recovery after each of its writes
	}
	sum, err := h.Run()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range sum.Violations {
		t.Errorf("%v: %v", h, v)
	}
	return sum
}

// TestReplay checks one kept state again: that of a violation, whose message says how.
func TestReplay(t *testing.T) {
	from := os.Getenv(stateEnv)
	if from == "" {
		return // nothing to replay; no skip, which would be a failure in CI
	}
	k, fs, err := load(from)
	if err != nil {
		t.Fatal(err)
	}
	needs(t, fs)
	temp := sandbox.TempDir(t, "replay-")
	image := filepath.Join(temp, keptImage)
	data, err := os.ReadFile(filepath.Join(from, keptImage))
	if err == nil {
		err = os.WriteFile(image, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &Recording{FS: fs, Mode: k.Mode, Work: k.Work}
	if r.Case, err = oracle.NewCase(r.Work, k.Start); err != nil {
		t.Fatal(err)
	}
	v, _, err := verifyImage(r, oracle.Process(bin.Need(t)), image, filepath.Join(temp, "mnt"), k.Acked)
	t.Logf("%s, %s, seed %d, %v, %d steps acknowledged; was: %s", k.FS, k.Mode, k.Work.Seed, &k.State, k.Acked, k.Error)
	for i, s := range r.Work.Steps {
		t.Logf("step %d: %v %s", i+1, s.Act, s.Manifest())
	}
	if v != nil && v.Report != nil {
		t.Logf("recover: %s", v.Report.Text)
	}
	if err != nil {
		t.Error(err)
	}
}
