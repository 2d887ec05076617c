package protocol

import (
	"flag"
	"strings"
	"testing"
	"time"
)

// long is how long TestLarger may search.
var long = flag.Duration("long", 0, "search what is too large for CI, for at most `duration`, in TestLarger")

// No state that the protocol can come to breaks a promise: every shape of transaction in every variant, all of it. The
// floors keep a model that explores nothing from passing.
func TestProtocol(t *testing.T) {
	var states, crashes int
	for _, sc := range Suite() {
		r := Explore(sc, time.Time{})
		states, crashes = states+r.States, crashes+r.Crashes
		check(t, sc, r)
		if r.States < 300 || r.Crashes < 100 {
			t.Errorf("%s: only %v", sc.Name, r)
		}
	}
	t.Logf("%d scenarios: %d states, %d of them left by a crash", len(Suite()), states+crashes, crashes)
	if states < 6_000_000 || crashes < 1_000_000 {
		t.Errorf("%d states and %d crashes are less than there must be", states, crashes)
	}
}

// TestLarger searches scenarios in which several things go wrong together, one after the other for an equal share of the
// time that -long gives.
func TestLarger(t *testing.T) {
	if *long == 0 {
		return // for `make model`
	}
	var states, crashes, whole int
	all, end := Larger(), time.Now().Add(*long)
	for i, sc := range all {
		r := Explore(sc, time.Now().Add(time.Until(end)/time.Duration(len(all)-i)))
		states, crashes = states+r.States, crashes+r.Crashes
		if !r.Cut {
			whole++
		}
		check(t, sc, r)
	}
	t.Logf("%d scenarios, %d of them whole: %d states, %d of them left by a crash", len(all), whole, states+crashes, crashes)
}

func check(t *testing.T, sc *Scenario, r Result) {
	t.Helper()
	if r.Violation != nil {
		t.Errorf("%s: %v\n  %s", sc.Name, r.Violation, strings.Join(r.Violation.Trace, "\n  "))
	}
	if testing.Verbose() {
		t.Logf("%s: %v", sc.Name, r)
	}
}

// A violation tells the whole story, from the first process to the last.
func TestTrace(t *testing.T) {
	r := Explore(hunt(NoBarrier3, "replace and remove", func(sc *Scenario) { sc.maxCrash = 1 }), time.Time{})
	if r.Violation == nil {
		t.Fatal("no violation")
	}
	story := strings.Join(r.Violation.Trace, "\n")
	for _, want := range []string{
		"a process starts: p/a=old-a q/b=old-b", "journal: put, seen but not durable", "p/a is new-A0 now, and A/0.new is old-a",
		"POWER CUT\n", " lost", "found by the next process: ", "VIOLATED ",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the trace does not say %q:\n%s", want, story)
		}
	}
}
