package model_test

import (
	"slices"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/mutants"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// TestOrder reads recordings of ordinary workloads for the order of barriers, renames and the ends of records.
func TestOrder(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	x := model.NewExplorer(bin.Need(t), sandbox.TempDir(t, "order-"), limits)
	var sum model.Ordered
	for seed := range uint64(ordinary) {
		on := model.ModeOf(seed + 1)
		on.FailSync = 0
		r, err := x.Record(workload.New(seed+1, options(seed+1)), on)
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.Order(t.TempDir())
		if err != nil {
			t.Errorf("seed %d: %v", seed+1, err)
		}
		sum.Renames, sum.Endings, sum.Journals = sum.Renames+o.Renames, sum.Endings+o.Endings, sum.Journals+o.Journals
	}
	t.Logf("%+v", sum)
	if sum.Renames < 300 || sum.Endings < 100 || sum.Journals < 500 {
		t.Errorf("judged only %+v", sum)
	}
}

// TestOrderBites takes a barrier out, and lets a record go too early: the same reading must find it.
func TestOrderBites(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	all, err := mutants.All("model")
	if err != nil {
		t.Fatal(err)
	}
	module, err := bin.Module()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if !slices.Contains([]string{"no-barrier-1", "no-barrier-3", "record-before-barrier-3", "marker-before-barrier-3"}, m.Name) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			overlay, err := m.Overlay(module, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			exe, err := bin.Build(overlay)
			if err != nil {
				t.Fatal(err)
			}
			x := model.NewExplorer(exe, sandbox.TempDir(t, "order-"), limits)
			for seed := range uint64(8) {
				r, err := x.Record(workload.New(seed+1, workload.Options{Steps: 4}), model.Mode{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Order(t.TempDir()); err != nil {
					t.Logf("seed %d: %v", seed+1, err)
					return
				}
			}
			t.Error("survived")
		})
	}
}
