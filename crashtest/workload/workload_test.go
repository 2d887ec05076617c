package workload_test

import (
	"os"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	os.Exit(sandbox.Main(m))
}

// TestPredictions runs many workloads unharmed: after every step the tree must be just what was predicted. Without
// this, violations that a layer finds could be those of the generator.
func TestPredictions(t *testing.T) {
	o := workload.Options{Steps: 6, Acts: true, Process: true, Races: true, Owners: os.Geteuid() == 0, Attrs: true}
	exe := bin.Need(t)
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	kinds := workload.Kinds{}
	for seed := range uint64(seeds) {
		w := workload.New(seed, o)
		runUnharmed(t, w, exe)
		kinds.Add(w)
	}
	t.Log(kinds)
	if missing := kinds.Missing(o, 1); len(missing) > 0 {
		t.Errorf("%d seeds: not met: %q", seeds, missing)
	}
}

func runUnharmed(t *testing.T, w *workload.Workload, exe string) {
	t.Helper()
	dir := sandbox.TempDir(t, "workload-")
	if err := w.Build(dir); err != nil {
		t.Fatalf("seed %d: build: %v", w.Seed, err)
	}
	seen, err := oracle.Look(workload.Root(dir))
	if err != nil {
		t.Fatal(err)
	}
	c, err := oracle.NewCase(w, seen)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.Steps {
		if err := w.Run(i, exe, dir); err != nil {
			t.Errorf("%v\nops: %s", err, w.Steps[i].Manifest())
			return
		}
		v, err := c.Verify(oracle.Process(exe), dir, i+1)
		if err != nil {
			t.Errorf("seed %d: step %d: %v\nops: %s", w.Seed, i, err, w.Steps[i].Manifest())
			return
		}
		if v.Steps != i+1 || len(v.Report.Recovered) > 0 {
			t.Errorf("seed %d: step %d: %d steps took effect, want %d; recovery said %s", w.Seed, i, v.Steps, i+1, v.Report.Text)
		}
	}
	consumed(t, c, dir, len(w.Steps))
	if len(w.Race) > 0 {
		race(t, c, exe, dir)
	}
}

// consumed checks the sources of tree ops that move.
func consumed(t *testing.T, c *oracle.Case, dir string, steps int) {
	t.Helper()
	left, err := oracle.Look(workload.Source(dir))
	if err == nil {
		err = c.Consumed(left.Tree, steps)
	}
	if err != nil {
		t.Errorf("seed %d: %v", c.W.Seed, err)
	}
}

// race runs the race of a workload. It must end as if one transaction had come after the other.
func race(t *testing.T, c *oracle.Case, exe, dir string) {
	t.Helper()
	exits, err := c.W.RunRace(exe, dir)
	if err != nil {
		t.Error(err)
		return
	}
	end, err := oracle.Look(workload.Root(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.RaceEnded(end, exits); err != nil {
		t.Error(err)
	}
}

// TestSameSeed: a seed must always make the same workload, or no violation could be replayed.
func TestSameSeed(t *testing.T) {
	o := workload.Options{Steps: 8, Acts: true, Process: true, Refusals: true, Races: true, Owners: true, Attrs: true}
	for seed := range uint64(20) {
		if a, b := workload.New(seed, o), workload.New(seed, o); !reflect.DeepEqual(a, b) {
			t.Errorf("seed %d makes two workloads", seed)
		}
	}
}
