package model

import "fmt"

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
	Killed     int // of these recoveries: after the death of a process, which loses nothing until the power fails as well
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
	c.Killed += o.Killed
	c.Disturbed += o.Disturbed
}

// String lists the counts.
func (c Counts) String() string {
	return fmt.Sprintf("%d recordings, %d events, %d distinct states; of these %d needed redo and %d of them a change of the tree, "+
		"%d undo, %d sweep; %d had a torn transaction of level process; %d came from %d cut recoveries, %d of them after a kill; a foreign program came before the recovery in %d",
		c.Recordings, c.Events, c.States, c.Redone, c.Applied, c.Undone, c.Swept, c.Torn, c.Nested, c.Cut, c.Killed, c.Disturbed)
}
