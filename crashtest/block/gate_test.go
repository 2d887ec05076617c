//go:build linux && gate

package block

import (
	"os"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/mutants"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// huntSeeds is how many workloads a seeded bug has to survive in each mode to have survived.
const huntSeeds = 8

// TestGate is the mutation gate of this layer: every seeded bug that names it must be found. TXCOMMIT_MUTANT names a
// single one.
func TestGate(t *testing.T) {
	needs(t, sandbox.Ext4)
	all, err := mutants.All("block")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no seeded bug names this layer")
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

// hunt looks for a violation by a seeded bug.
func hunt(t *testing.T, m *mutants.Mutant) {
	t.Helper()
	temp := sandbox.TempDir(t, "mutant-")
	module, err := bin.Module()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := m.Overlay(module, temp)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := bin.Build(overlay)
	if err != nil {
		t.Fatal(err)
	}
	var total Tally
	for seed := range uint64(huntSeeds) {
		for _, mode := range modes {
			h := Hunt{FS: sandbox.Ext4, Mode: mode, Seed: 101 + seed, Bin: exe, Temp: temp, States: 120, Workers: 2, Quiet: true}
			sum, err := h.Run()
			if err != nil {
				t.Fatal(err)
			}
			total.Add(sum)
			if len(sum.Violations) > 0 {
				t.Logf("found after %d states: %v, %v", total.States, h, sum.Violations[0].Err)
				return
			}
		}
	}
	t.Errorf("%s survived %v\n%s", m.Name, total, m.Doc)
}
