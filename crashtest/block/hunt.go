//go:build linux

package block

import (
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// A Hunt is one recording, and how many of its states are checked.
type Hunt struct {
	FS   sandbox.FS
	Mode Mode
	Seed uint64
	Bin  string
	Temp string // where the hunt makes a folder, and removes it again
	// States is how many distinct ones are checked.
	States int
	// Nested is of how many states with something to recover the recovery is recorded, too, and Cuts how many states
	// are checked of each such recording.
	Nested, Cuts int
	Workers      int
	// Quiet keeps no states of violations.
	Quiet bool
}

// String names what was hunted on, and with which seed.
func (h Hunt) String() string { return fmt.Sprintf("%s, %s, seed %d", h.FS.Name, h.Mode, h.Seed) }

// Run records and checks. The error is about the lab, or a step that did not end as predicted though nothing went
// wrong; violations are in the tally.
func (h Hunt) Run() (t Tally, err error) {
	temp, err := os.MkdirTemp(h.Temp, "hunt-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(temp)
	r, err := Record(h.FS, h.Mode, Workload(h.Seed), Fault{}, h.Bin, temp)
	if err != nil {
		return t, fmt.Errorf("%v: %w", h, err)
	}
	if r.count(Write) == 0 || r.count(Flush) == 0 || r.count(Mark) != len(r.Work.Steps) {
		return t, fmt.Errorf("%v: %d writes, %d flushes and %d marks in the log: the recorder is blind", h,
			r.count(Write), r.count(Flush), r.count(Mark))
	}
	rng := rand.New(rand.NewPCG(h.Seed, 2))
	x := &Explorer{Recording: r, Bin: h.Bin, Temp: temp, Workers: h.Workers, Quiet: h.Quiet}
	if t, err = x.Explore(r.States(rng), h.States); err != nil {
		return t, fmt.Errorf("%v: %w", h, err)
	}
	t.Recordings, t.Syncfs = 1, r.Syncfs
	nested, err := x.Nested(rng, h.Nested, h.Cuts)
	t.Add(nested)
	if err != nil {
		return t, fmt.Errorf("%v: a recovery: %w", h, err)
	}
	return t, nil
}
