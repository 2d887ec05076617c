package protocol

import (
	"slices"
	"testing"
	"time"

	"github.com/txcommit/txcommit/crashtest/mutants"
)

// What may go wrong in the hunt for a bug.
func cut1(sc *Scenario)         { sc.maxCrash = 1 }
func cut2(sc *Scenario)         { sc.maxCrash = 2 }
func user(sc *Scenario)         { sc.maxActs = 1 }
func cutUser(sc *Scenario)      { sc.maxCrash, sc.maxActs = 1, 1 }
func cutExpect(sc *Scenario)    { sc.maxCrash, sc.maxActs, sc.expect = 1, 1, true }
func cutReused(sc *Scenario)    { sc.maxCrash, sc.maxActs, sc.expect, sc.reused = 1, 1, true, true }
func cutsRefused(sc *Scenario)  { sc.maxCrash, sc.refusals = 2, 1 }
func all3(sc *Scenario)         { sc.maxCrash, sc.maxActs, sc.refusals = 1, 1, 1 }
func allNoSwap(sc *Scenario)    { all3(sc); sc.noswap, sc.acts = true, []act{moveP} }
func cutSyncfs(sc *Scenario)    { sc.maxCrash, sc.syncfs = 1, true }
func cutsNew(sc *Scenario)      { sc.maxCrash, sc.fresh = 2, true }
func userNoSwap(sc *Scenario)   { sc.maxActs, sc.noswap = 1, true }
func cutNoSwap(sc *Scenario)    { sc.maxCrash, sc.maxActs, sc.noswap = 1, 1, true }
func expectNoSwap(sc *Scenario) { sc.maxActs, sc.expect, sc.noswap = 1, true, true }
func cutLinks(sc *Scenario)     { twoLinks.set(sc) }
func cutsAbandon(sc *Scenario)  { sc.maxCrash, sc.abandon = 2, true }
func cutHistory(sc *Scenario)   { sc.maxCrash, sc.history = 2, true }
func cutUndo(sc *Scenario)      { sc.maxCrash, sc.history, sc.undo = 2, true, true }
func cutProcess(sc *Scenario)   { sc.maxCrash, sc.process[0] = 1, true }
func cutProcesses(sc *Scenario) { sc.maxCrash, sc.process = 1, [2]bool{true, true} }

// hunts tells for each bug where it must show.
var hunts = []struct {
	bug   Bug
	shape string
	set   func(*Scenario)
}{
	{DataNotSynced, "replace two", cut1},
	{DisplacedLate, "replace two", cutUser},
	{ExpectNotRechecked, "replace two", cutExpect},
	{KeptOwnerStays, "chmod", cutHistory},
	{LazyRecords, "chmod", cutUser},
	{MarkerBeforeBarrier3, "replace two", cut1},
	{ModesNotSynced, "chmod", cut1},
	{NamesNotDataSyncfs, "replace two", cutSyncfs},
	{NeverDirty, "replace two", cut1},
	{NoBarrier1, "replace two", cut1},
	{NoBarrier1Syncfs, "replace two", cutSyncfs},
	{NoBarrier2, "replace two", cut1},
	{NoBarrier3, "replace two", cut1},
	{NoBarrier3Syncfs, "replace two", cutSyncfs},
	{NoSettle, "replace two", cut2},
	{NoSettleInRecovery, "replace two", cut2},
	{NumbersOnly, "replace two", cutReused},
	{OneFolder, "replace and remove", cut1},
	{OutForgotten, "replace two", userNoSwap},
	{OutNotSynced, "replace two", cutNoSwap},
	{OwnerGoneFirst, "replace two", cut1},
	{RecordBeforeBarrier3, "rename over", cut1},
	{RedoByName, "replace two", cut1},
	{RemoveByUnlink, "replace and remove", user},
	{RootNotSynced, "replace two", cutsNew},
	{StageNotSynced, "replace two", cut1},
	{SwappedNotCompared, "replace two", user},
	{TrashNotSynced, "remove a folder", cut1},
	{UndoNotDurable, "replace two", cutsRefused},

	{AbandonNotPut, "replace two", cutsAbandon},
	{AbortingNotPut, "replace two", cutsRefused},
	{DroppedNotSynced, "rename over", cutUser},
	{EarlierOverlooked, "replace two", cutProcesses},
	{Exit7NotSynced, "chmod", all3},
	{FolderByName, "remove a folder", user},
	{HalfInstallLeft, "replace and remove", allNoSwap},
	{HalfLeft, "remove a file", cutUser},
	{HalvesIgnored, "rename beside", cut1},
	{KeptDeleted, "chmod", cutHistory},
	{LastNameTaken, "rename over", expectNoSwap},
	{LinkThrown, "rename over", all3},
	{MoveSkipped, "move a folder", user},
	{MovedNotSynced, "remove a file", all3},
	{ProcessForgotten, "replace two", cutProcess},
	{ProcessRedone, "replace two", cutProcess},
	{SecondNameMissed, "remove a file", cutLinks},
	{StraySwept, "chmod", cutHistory},
	{UndoneStays, "replace two", cutUndo},
	{StagedParentMissed, "move into a new folder", cutsRefused},
	{UnlinkedByName, "remove a file", cutUser},
}

// outside lists the seeded bugs of the gate that are not about the protocol, and why.
var outside = map[string]string{
	"group-first-settled": "commits that share a put are not modelled",
	"group-first-synced":  "commits that share a put are not modelled",
	"half-made-store":     "the files that a store is made of are not modelled, only its name",
	"sync-retried":        "a sync that fails does nothing here: that it may do half is for the other layers",
}

// Every rule that a bug takes out is needed: without it the same search finds a violation.
func TestGate(t *testing.T) {
	for _, h := range hunts {
		t.Run(string(h.bug), func(t *testing.T) {
			r := Explore(hunt(h.bug, h.shape, h.set), time.Time{})
			if r.Violation == nil {
				t.Fatalf("survived in %q: %v", h.shape, r)
			}
			t.Logf("%v after %v", r.Violation, r)
		})
	}
}

// Each seeded bug of the gate is hunted here too, or is outside of what the model knows.
func TestSeeds(t *testing.T) {
	seeds, err := mutants.All("")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range seeds {
		hunted := false
		for _, h := range hunts {
			hunted = hunted || string(h.bug) == m.Name
		}
		if _, out := outside[m.Name]; out == hunted {
			t.Errorf("seed %s: hunted %v, outside %v; want one of both", m.Name, hunted, out)
		}
	}
	for name := range outside {
		if !slices.ContainsFunc(seeds, func(m *mutants.Mutant) bool { return m.Name == name }) {
			t.Errorf("%s is outside, and no seed", name)
		}
	}
}
