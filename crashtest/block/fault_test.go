//go:build linux

package block

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// faultRuns is how often each file system meets each kind of fault; stoppedFloor how many of the lasting ones must
// have stopped the workload.
const (
	faultRuns    = 10
	stoppedFloor = faultRuns * 8 / 10
)

// TestFault lets a write or flush of the device fail, once or from then on, while a workload runs. A process that
// cannot keep its promise says so: what was acknowledged is there after the next mount and recovery, what was reported
// as failed is not, and what was reported as incomplete is either.
func TestFault(t *testing.T) {
	for _, fs := range []sandbox.FS{sandbox.Ext4, sandbox.XFS, sandbox.Btrfs} {
		t.Run(fs.Name, func(t *testing.T) {
			t.Parallel()
			needs(t, fs)
			const seed = 31
			r, err := Record(fs, Lazy, Workload(seed), Fault{}, bin.Need(t), sandbox.TempDir(t, "fault-"))
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(seed, 3))
			for _, forever := range []bool{false, true} {
				var sum faultSum
				for range faultRuns {
					sum.run(t, fs, seed, Fault{At: 1 + rng.IntN(r.Requests), Forever: forever})
				}
				t.Logf("forever %t: %d runs, %d requests failed; stopped with exit codes %v", forever, faultRuns, sum.failed, sum.codes)
				if sum.failed == 0 || forever && sum.stopped < stoppedFloor {
					t.Errorf("forever %t: %d requests failed, %d runs were stopped: too few", forever, sum.failed, sum.stopped)
				}
			}
		})
	}
}

// faultSum counts what faults have led to.
type faultSum struct {
	failed, stopped int
	codes           map[int]int
}

func (f *faultSum) run(t *testing.T, fs sandbox.FS, seed uint64, fault Fault) {
	t.Helper()
	temp := sandbox.TempDir(t, "fault-")
	defer os.RemoveAll(temp)
	r, err := Record(fs, Lazy, Workload(seed), fault, bin.Need(t), temp)
	if err != nil {
		t.Fatalf("%+v: %v", fault, err)
	}
	f.failed += r.Failed
	if err := r.checkAfter(bin.Need(t), temp); err != nil {
		t.Errorf("%s, seed %d, %+v: step %d ended with %d: %v\n%s", fs.Name, seed, fault, r.Stopped+1, r.ExitCode, err, r.Output)
	}
	if r.Stopped >= 0 {
		if f.codes == nil {
			f.codes = map[int]int{}
		}
		f.stopped++
		f.codes[r.ExitCode]++
	}
}

// checkAfter mounts the disk again, recovers and checks. What is left must be what the exit code of the step that
// was stopped has said.
func (r *Recording) checkAfter(bin, temp string) error {
	image := filepath.Join(temp, "after")
	if err := os.WriteFile(image, r.end, 0o600); err != nil {
		return err
	}
	acked := r.acked(len(r.Log))
	v, _, err := verifyImage(r, oracle.Process(bin), image, filepath.Join(temp, "aftermnt"), acked)
	if err != nil || r.Stopped < 0 || r.Work.Steps[r.Stopped].Act != nil {
		return err
	}
	return oracle.CheckExit(v, acked, r.ExitCode)
}
