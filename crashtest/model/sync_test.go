package model_test

import (
	"slices"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// TestFailingSync lets each sync of a workload fail in turn, once: later syncs of the same file succeed, and make nothing
// durable that was written before the failure. A process that is stopped so must have said the truth, and in power cuts
// before and after that no staged file whose sync has failed may be seen as the content of a transaction.
func TestFailingSync(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	const seed = 2
	l := limits
	l.States, l.Nested, l.Whole, l.Kills = 10, 4, 0, 1
	x := model.NewExplorer(bin.Need(t), sandbox.TempDir(t, "model-"), l)
	defer func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}()
	lab := &lab{T: t}
	n := 1
	for ; !t.Failed(); n++ {
		r, err := x.Record(workload.New(seed, options(seed)), model.Mode{FailSync: n})
		if err != nil {
			t.Fatalf("sync %d: %v", n, err)
		}
		if !slices.ContainsFunc(r.Events, func(e memfs.Event) bool { return e.Kind == memfs.SyncFailed }) {
			break // there are fewer syncs
		}
		bad, err := x.Explore(r)
		if err != nil {
			t.Fatalf("sync %d: %v", n, err)
		}
		for _, v := range bad {
			lab.report(v, r)
		}
	}
	c := x.Counts
	t.Logf("%d syncs failed; %v", n-1, c)
	for _, floor := range []struct {
		what      string
		got, want int
	}{
		{"syncs that failed", n - 1, 30},
		{"processes that said that they have failed", c.Exits[1], 10},
		{"processes that said that the outcome is open", c.Exits[5], 3},
		{"distinct states", c.States, 300},
	} {
		if floor.got < floor.want {
			t.Errorf("%s: %d, want at least %d", floor.what, floor.got, floor.want)
		}
	}
}
