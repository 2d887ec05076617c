package mutants_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/crashtest/mutants"
)

// TestFit checks that every seed still fits the product, and makes something that go vet accepts as a program. That it
// is a bug which the lab finds is the matter of the gates of the layers.
func TestFit(t *testing.T) {
	all, err := mutants.All("")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 12 {
		t.Errorf("%d seeds, want at least 12", len(all))
	}
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		overlay, err := m.Overlay(module, t.TempDir())
		if err != nil {
			t.Error(err)
			continue
		}
		cmd := exec.Command("go", "build", "-overlay", overlay, "./txn", "./recovery", "./journal")
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("seed %s: %v\n%s", m.Name, err, out)
		}
	}
}
