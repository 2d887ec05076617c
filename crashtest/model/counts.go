package model

import (
	"fmt"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// Counts are what was looked at, and what it was.
type Counts struct {
	Recordings int
	Events     int
	States     int // distinct
	Applied    int // of these: the recovery completed a transaction and had to change the tree for it
	Redone     int // a transaction was completed
	Undone     int // a transaction was taken back
	Swept      int // something staged was swept
	Torn       int // a transaction of level process was reported
	Nested     int // distinct states after a cut of a recovery; they are among States
	Cut        int // recoveries that were cut so
	Disturbed  int // states in which a foreign program had changed something before the recovery; they are among States
	Whole      int // of these recoveries: after each single operation
	Killed     int // of these recoveries: after the death of a process, which loses nothing until the power fails as well
	NoExchange int // of the states: those of file systems that cannot exchange names
	Failed     int // of the states: those of runs that a failing sync has stopped

	Acts  map[workload.ActKind]int // what these foreign programs did
	Exits map[int]int              // exit codes of the processes that a failing sync has stopped
	Kinds workload.Kinds           // what the workloads were made of
}

// recorded counts a run.
func (c *Counts) recorded(r *Run) {
	c.Recordings++
	c.Events += len(r.Events)
	c.Kinds.Add(r.Case.W)
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Recordings += o.Recordings
	c.Events += o.Events
	c.States += o.States
	c.Applied += o.Applied
	c.Redone += o.Redone
	c.Undone += o.Undone
	c.Swept += o.Swept
	c.Torn += o.Torn
	c.Nested += o.Nested
	c.Cut += o.Cut
	c.Whole += o.Whole
	c.Killed += o.Killed
	c.Disturbed += o.Disturbed
	c.NoExchange += o.NoExchange
	c.Failed += o.Failed
	addTo(&c.Acts, o.Acts)
	addTo(&c.Exits, o.Exits)
	addTo((*map[string]int)(&c.Kinds), o.Kinds)
}

func addTo[K comparable](to *map[K]int, from map[K]int) {
	if *to == nil {
		*to = map[K]int{}
	}
	for k, n := range from {
		(*to)[k] += n
	}
}

// String lists the counts.
func (c Counts) String() string {
	return fmt.Sprintf("%d recordings, %d events, %d distinct states; of these %d needed redo and %d of them a change of the tree, "+
		"%d undo, %d sweep; %d had a torn transaction of level process; %d came from %d cut recoveries, %d of them cut after each operation, %d after a kill; a foreign program came before the recovery in %d: %v; "+
		"names could not be exchanged in %d; a sync had failed in %d, with exit codes %v; workloads: %v",
		c.Recordings, c.Events, c.States, c.Redone, c.Applied, c.Undone, c.Swept, c.Torn, c.Nested, c.Cut, c.Whole, c.Killed,
		c.Disturbed, c.Acts, c.NoExchange, c.Failed, c.Exits, c.Kinds)
}
