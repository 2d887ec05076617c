package model_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// long is how long TestLong looks for violations.
var long = flag.Duration("long", 0, "explore new seeds for `duration` in TestLong")

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	os.Exit(sandbox.Main(m))
}

// needFUSE finds out whether file systems of this process can be mounted, by mounting one.
func needFUSE(t *testing.T) {
	t.Helper()
	m, err := memfs.New(filepath.Join(sandbox.TempDir(t, "probe-"), "mnt"), 0)
	if err == nil {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs /dev/fuse and the right to mount: %v", err)
	}
	t.Skipf("needs /dev/fuse and the right to mount: %v", err)
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// options are those of the workload of a seed: some have what makes others hard to judge.
func options(seed uint64) workload.Options {
	return workload.Options{
		Steps: 4, Acts: true, Refusals: true, Process: seed%3 == 0, Races: true, Owners: os.Geteuid() == 0, Attrs: true,
		NoExchange: model.ModeOf(seed).NoExchange,
	}
}

var limits = model.Limits{States: 500, Random: 6, Nested: 25, Every: 40, Whole: 12, Kills: 5, Strangers: 6}

// ordinary is how many seeds an ordinary run explores: so many that the floors are reached.
const ordinary = 34

// TestPowerCuts runs workloads on the model, cuts the power in all ways that it allows, within limits, and checks what
// recovery makes of it. The seeds are fixed; TXCOMMIT_SEED (the first one) and TXCOMMIT_SEEDS (how many) try others.
func TestPowerCuts(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	first, n := number(t, "TXCOMMIT_SEED", 1), number(t, "TXCOMMIT_SEEDS", ordinary)
	start := time.Now()
	l := &lab{T: t, bin: bin.Need(t)}
	l.explore(uint64(first), func(seed uint64) bool { return seed < uint64(first+n) })
	c := l.counts
	t.Logf("seeds %d to %d: %v; in %v", first, first+n-1, c, time.Since(start).Round(time.Second))
	if n < ordinary {
		return
	}
	for _, floor := range []struct {
		what      string
		got, want int
	}{
		{"distinct states", c.States, 20_000},
		{"states in which recovery had to complete a decided transaction in the tree", c.Applied, c.States / 10},
		{"states that needed undo", c.Undone, 1},
		{"states that needed a sweep", c.Swept, 1},
		{"states in which a foreign program came before the recovery", c.Disturbed, 500},
		{"states of cut recoveries", c.Nested, 500},
		{"recoveries that were cut after each operation", c.Whole, 5},
		{"states of file systems that cannot exchange names", c.NoExchange, 3000},
		{"states of runs that a failing sync has stopped", c.Failed, 300},
		{"states with a torn transaction of level process", c.Torn, 50},
	} {
		if floor.got < floor.want {
			t.Errorf("%s: %d, want at least %d", floor.what, floor.got, floor.want)
		}
	}
	for _, act := range model.Strangers {
		if c.Acts[act] < 10 {
			t.Errorf("foreign programs before the recovery: %d times %s, want at least 10", c.Acts[act], act)
		}
	}
	if missing := c.Kinds.Missing(options(0), 1); len(missing) > 0 {
		t.Errorf("not met in any workload: %q", missing)
	}
}

// TestLong explores new seeds for as long as -long says.
func TestLong(t *testing.T) {
	if *long == 0 {
		return // it is not asked for
	}
	needFUSE(t)
	start, first := time.Now(), uint64(time.Now().Unix())
	l := &lab{T: t, bin: bin.Need(t)}
	l.explore(first, func(uint64) bool { return time.Since(start) < *long })
	t.Logf("seeds from %d on: %v; in %v", first, l.counts, time.Since(start).Round(time.Second))
}

// lab explores seeds, two at a time for each processor: half of the time each waits for a process to start, or to end.
type lab struct {
	*testing.T
	bin    string
	mu     sync.Mutex
	counts model.Counts
	bad    int
}

// explore explores seeds from first on, as long as more says so.
func (l *lab) explore(first uint64, more func(seed uint64) bool) {
	l.Helper()
	seeds := make(chan uint64)
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			x := model.NewExplorer(l.bin, sandbox.TempDir(l, "model-"), limits)
			for seed := range seeds {
				l.seed(x, seed)
			}
			if err := x.Close(); err != nil {
				l.Error(err)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.counts.Add(x.Counts)
		})
	}
	for seed := first; more(seed) && !l.Failed(); seed++ {
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
}

func (l *lab) seed(x *model.Explorer, seed uint64) {
	r, err := x.Record(workload.New(seed, options(seed)), model.ModeOf(seed))
	if err != nil {
		l.Error(err)
		return
	}
	bad, err := x.Explore(r)
	if err != nil {
		l.Errorf("seed %d: %v", seed, err)
	}
	for _, v := range bad {
		l.report(v, r)
	}
}

// report tells a violation, and how to see it again. The first ones will do.
func (l *lab) report(v *model.Violation, r *model.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bad++; l.bad > 5 {
		l.Errorf("seed %d: one more violation", v.Case.W.Seed)
		return
	}
	again := "(not saved)"
	if dir, err := sandbox.Keep(); err == nil {
		if path, err := v.Save(dir, r.Start); err == nil {
			again = bin.Env() + "TXCOMMIT_STATE=" + path + " go -C crashtest test ./model -run 'TestReplay$' -count=1 -v"
		}
	}
	l.Errorf("seed %d: %d steps acknowledged: %v\n%s\nreplay: %s", v.Case.W.Seed, v.Acked, v.Why, v.How, again)
}

// TestReplay judges saved states again: those that once were violations, or that of TXCOMMIT_STATE.
func TestReplay(t *testing.T) {
	needFUSE(t)
	paths, err := filepath.Glob("testdata/*.gob.gz")
	if path := os.Getenv("TXCOMMIT_STATE"); path != "" {
		paths = []string{path}
	} else if err != nil || len(paths) == 0 {
		t.Fatalf("no saved states: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { replay(t, path) })
	}
}

func replay(t *testing.T, path string) {
	t.Helper()
	s, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d, %d steps acknowledged\n%s", s.Case.W.Seed, s.Acked, s.How)
	if s.Acked < len(s.Case.W.Steps) {
		t.Logf("next: %s", s.Case.W.Steps[s.Acked].Manifest())
	}
	x := model.NewExplorer(bin.Need(t), sandbox.TempDir(t, "model-"), limits)
	if err := x.Replay(s); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
