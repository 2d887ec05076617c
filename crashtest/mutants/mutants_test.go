package mutants_test

import (
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/crashtest/mutants"
)

// TestFit checks that every seed still fits the product. That it is a bug which the lab finds is the matter of the gates
// of the layers.
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
		if _, err := m.Overlay(module, t.TempDir()); err != nil {
			t.Error(err)
		}
	}
}
