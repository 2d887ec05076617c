//go:build gate

package model_test

import (
	"errors"
	"os"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/mutants"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// TestGate is the mutation gate of this layer: every seeded bug that names it must be found, in no more states than an
// ordinary run has. TXCOMMIT_MUTANT names a single one.
func TestGate(t *testing.T) {
	needFUSE(t)
	all, err := mutants.All("model")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if only := os.Getenv("TXCOMMIT_MUTANT"); only != "" && only != m.Name {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			hunt(t, m)
		})
	}
}

// hunt looks for a violation by a seeded bug, from seed to seed.
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
	if m.Mode == "group" {
		huntGroup(t, m, exe, overlay)
		return
	}
	l := limits
	l.States, l.First = 300, true
	switch m.Mode {
	case "late-acts", "folders":
		l.Strangers = 1 << 30 // none: the acts are in the workload, or not wanted
	case "kills":
		l.States, l.Strangers, l.Kills, l.Nested = 1, 1<<30, 60, 6
	case "no-exchange", "strangers":
		l.Strangers, l.Every = 1, 4
	case "conditions": // strangers come where recovery has something to do, and seldom elsewhere
		l.Strangers, l.Every, l.Kills = 20, 1<<30, 0
	}
	x := model.NewExplorer(exe, sandbox.TempDir(t, "model-"), l)
	defer func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}()
	for seed := m.Seed; seed < m.Seed+75; seed++ {
		v, err := first(x, seed, m.Mode)
		if err != nil {
			t.Fatal(err)
		}
		if v != nil {
			t.Logf("found after %d states: seed %d: %v\n%s", x.Counts.States, seed, v.Why, v.How)
			return
		}
	}
	t.Errorf("%s survived %v\n%s", m.Name, x.Counts, m.Doc)
}

// huntGroup looks for a violation in what several writers of one process have done, in one recording after the other.
func huntGroup(t *testing.T, m *mutants.Mutant, exe, overlay string) {
	t.Helper()
	driver, err := bin.BuildLab(overlay, writersFolder)
	if err != nil {
		t.Fatal(err)
	}
	dir, states := sandbox.TempDir(t, "group-"), 0
	for seed := range uint64(5) {
		r, err := recordGroup(driver, dir, seed%2 == 1)
		if err != nil {
			t.Fatal(err)
		}
		h := &groupHunt{groupRun: r, exe: exe, states: 300}
		if err := h.explore(dir, seed); err != nil {
			t.Fatal(err)
		}
		if states += h.counts.states; len(h.bad) > 0 {
			t.Logf("found after %d states: %v", states, h.bad[0])
			return
		}
	}
	t.Errorf("%s survived %d states\n%s", m.Name, states, m.Doc)
}

// first explores one seed up to its first violation. A bug that shows without any crash counts too.
func first(x *model.Explorer, seed uint64, mode string) (*model.Violation, error) {
	o, on := options(seed), model.ModeOf(seed)
	switch mode {
	case "no-exchange":
		o.NoExchange, on = true, model.Mode{NoExchange: true}
	case "late-acts":
		o = workload.Options{Steps: 6, Acts: true, Late: true}
	case "new-store":
		o.Steps = 1
	case "folders":
		o = workload.Options{Folders: true}
	case "failing-sync":
		on.FailSync, on.Staged = 3+int(seed%4), true // the first two are those of a new store's own files
	}
	r, err := x.Record(workload.New(seed, o), on)
	var wrong *workload.OutcomeError
	if errors.As(err, &wrong) {
		return &model.Violation{Why: err}, nil
	}
	if err != nil {
		return nil, err
	}
	bad, err := x.Explore(r)
	if err != nil || len(bad) == 0 {
		return nil, err
	}
	return bad[0], nil
}
