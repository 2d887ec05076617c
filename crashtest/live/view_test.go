//go:build linux

package live

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/mutants"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// viewSeeds are workloads of TestView, some with several transactions of level process. Of its writers viewFloor must have
// died half-way, processFloor of them at that level.
var viewSeeds = []uint64{1, 29, 38}

const (
	viewFloor    = 15
	processFloor = 3
)

// TestView kills a writer before each of its renames, and lets a reader that had the store open before look at the tree
// at once: it sees all of the transaction or nothing, at level process too, since the power stays on.
func TestView(t *testing.T) {
	needs(t)
	killed, halves, levels := 0, 0, map[bool]int{}
	for _, seed := range viewSeeds {
		v := &viewing{w: viewWorkload(seed), bin: bin.Need(t)}
		if err := v.all(t); err != nil {
			t.Error(err)
		}
		killed, halves = killed+v.killed, halves+v.halves
		for level, n := range v.levels {
			levels[level] += n
		}
	}
	t.Logf("%d writers were killed, %d of them half-way; %d at level process", killed, halves, levels[true])
	if halves < viewFloor || levels[true] < processFloor {
		t.Errorf("%d writers died half-way, %d at level process: want at least %d and %d", halves, levels[true], viewFloor, processFloor)
	}
}

// TestGate is the mutation gate of this layer: every seeded bug that names it must be found. TXCOMMIT_MUTANT names a
// single one.
func TestGate(t *testing.T) {
	needs(t)
	all, err := mutants.All("live")
	if err != nil || len(all) == 0 {
		t.Fatalf("seeded bugs that name this layer: %d, %v", len(all), err)
	}
	for _, m := range all {
		if only := os.Getenv("TXCOMMIT_MUTANT"); only != "" && only != m.Name {
			continue
		}
		t.Run(m.Name, func(t *testing.T) { hunt(t, m) })
	}
}

func hunt(t *testing.T, m *mutants.Mutant) {
	t.Helper()
	module, err := bin.Module()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := m.Overlay(module, sandbox.TempDir(t, "mutant-"))
	if err != nil {
		t.Fatal(err)
	}
	exe, err := bin.Build(overlay)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range viewSeeds {
		if err := (&viewing{w: viewWorkload(seed), bin: exe}).all(t); err != nil {
			t.Logf("found: %v", err)
			return
		}
	}
	t.Errorf("%s survived\n%s", m.Name, m.Doc)
}

func viewWorkload(seed uint64) *workload.Workload {
	return workload.New(seed, workload.Options{Steps: 4, Acts: true, Process: true, Attrs: true})
}

// viewing is a workload whose writers are killed by a binary.
type viewing struct {
	w   *workload.Workload
	bin string

	killed, halves int
	levels         map[bool]int // of those that died half-way: at level process or not
}

// all kills the writer before each rename in turn.
func (v *viewing) all(t *testing.T) error {
	t.Helper()
	v.levels = map[bool]int{}
	for n := 1; ; n++ {
		hit, err := v.one(t, n)
		if err != nil {
			return fmt.Errorf("seed %d: killed before rename %d: %w", v.w.Seed, n, err)
		}
		if !hit {
			return nil
		}
	}
}

// one kills the writer before rename n of the workload. It says whether there was one.
func (v *viewing) one(t *testing.T, n int) (hit bool, err error) {
	t.Helper()
	dir := sandbox.TempDir(t, "view-")
	defer os.RemoveAll(dir)
	if err := v.w.Build(dir); err != nil {
		return false, err
	}
	root := workload.Root(dir)
	seen, err := oracle.Look(root)
	if err != nil {
		return false, err
	}
	c, err := oracle.NewCase(v.w, seen)
	if err != nil {
		return false, err
	}
	st, err := txn.Open(t.Context(), root, &txn.Options{AllowUnsafeFS: true})
	if err != nil {
		return false, err
	}
	defer st.Close()
	acked, hit, err := v.until(n, dir)
	if err != nil || !hit {
		return false, err
	}
	v.killed++
	return true, v.look(t, st, c, dir, acked)
}

// until runs the workload until its n-th rename.
func (v *viewing) until(n int, dir string) (acked int, hit bool, err error) {
	for i := range v.w.Steps {
		s := &v.w.Steps[i]
		if s.Act != nil {
			if err := s.Act.Do(dir); err != nil {
				return i, false, err
			}
			continue
		}
		kill := supervise.Fault{At: n, Kill: true, Match: func(c supervise.Call) bool { return strings.HasPrefix(c.Name, "rename") }}
		res, err := supervise.Run(kill, supervise.Options{Timeout: stepLimit}, s.Command(v.bin, dir).Args...)
		switch {
		case err != nil:
			return i, false, err
		case res.Hit != nil:
			return i, true, nil
		case res.ExitCode != s.Exit:
			return i, false, fmt.Errorf("step %d: exit code %d, want %d\n%s", i+1, res.ExitCode, s.Exit, res.Stderr)
		}
		n -= res.Calls
	}
	return len(v.w.Steps), false, nil
}

// look is the reader.
func (v *viewing) look(t *testing.T, st *txn.Store, c *oracle.Case, dir string, acked int) error {
	t.Helper()
	root := workload.Root(dir)
	before, err := oracle.Look(root)
	if err != nil {
		return err
	}
	if _, err := c.CheckKilled(before, acked); err != nil {
		v.halves++
		v.levels[v.w.Steps[acked].Process]++
	}
	err = st.View(t.Context(), func(fs.FS) error {
		seen, err := oracle.Look(root)
		if err == nil {
			_, err = c.CheckKilled(seen, acked)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the reader: %w", err)
	}
	_, err = c.Verify(oracle.Process(v.bin), dir, acked)
	return err
}
