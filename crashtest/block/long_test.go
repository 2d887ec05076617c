//go:build linux

package block

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// long is how long TestLong looks for violations.
var long = flag.Duration("long", 0, "explore new seeds for `duration` in TestLong, and for a tenth of it in TestFastCommit")

// faultReach is about as many requests as a lazy recording has.
const faultReach = 250

// TestLong explores new seeds until the time is over, and lets the device fail under each of them, once and for good.
func TestLong(t *testing.T) {
	if *long == 0 {
		return
	}
	var total Tally
	needs(t, sandbox.All...)
	for began := time.Now(); time.Since(began) < *long && !t.Failed(); {
		seed := rand.Uint64()
		fs := sandbox.All[rand.IntN(len(sandbox.All))]
		mode := modes[rand.IntN(len(modes))]
		name := fmt.Sprintf("%s/%s/%d", fs.Name, mode, seed)
		t.Run(name, func(t *testing.T) {
			c := campaign{states: 100, nested: 4, cuts: 20, workers: 2}
			total.Add(c.one(t, fs, mode, seed))
			var faults faultSum
			for _, forever := range []bool{false, true} {
				faults.run(t, fs, seed, Fault{At: 1 + rand.IntN(faultReach), Forever: forever})
			}
		})
		t.Logf("%v: %s; so far %v", time.Since(began).Round(time.Second), name, total)
	}
}

// TestFastCommit explores new seeds on ext4 with fast_commit. It only reports: that file system has damaged files that
// were synced before, so that nothing is promised on it.
func TestFastCommit(t *testing.T) {
	if *long == 0 {
		return
	}
	needs(t, sandbox.Ext4FastCommit)
	var total Tally
	for began := time.Now(); time.Since(began) < *long/10; {
		h := Hunt{
			FS: sandbox.Ext4FastCommit, Mode: modes[rand.IntN(len(modes))], Seed: rand.Uint64(), Bin: bin.Need(t),
			Temp: sandbox.TempDir(t, "block-"), States: 100, Workers: 2, Quiet: true,
		}
		sum, err := h.Run()
		if err != nil {
			t.Logf("%v: %v", h, err)
			continue
		}
		for _, v := range sum.Violations {
			t.Logf("%v: %v, %d steps acknowledged: %v", h, &v.State, v.Acked, v.Err)
		}
		total.Add(sum)
	}
	t.Logf("in all, reported only: %v", total)
}
