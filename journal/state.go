package journal

import "github.com/cockroachdb/errors"

// State is the state of a record. What is true in each state, and who may move it on:
//
//	          Put                Delete: barrier 3 passed, and the stage
//	(none) ─────────▶ decided ─────────────────────────────────────────▶ (none)
//	                    │  │          folder has left stage/, or will after
//	                    │  │
//	            SetState│  │SetState        Delete: the undo is durable
//	                    ▼  │        ┌──────────────────────────────────▶ (none)
//	                 aborting ──────┘
//	                    │  │
//	            SetState│  │SetState
//	                    ▼  ▼
//	                  abandoned ───────────────────────────────────────▶ (none)
//	                                 Delete: what was left is in displaced/
//
// The record of a transaction that is to be kept goes from decided to kept where another one is deleted, and ends when
// its history is dropped:
//
//	decided ────▶ kept ────▶ (none)
//
//	(none)     Before the commit point, or ended. The tree holds nothing of the transaction, or all of it. A stage folder
//	           without a record belongs to a live process or holds only our own files, and may be deleted.
//	decided    The commit point has passed: everything staged and every name in the stage folder is durable (barrier 1),
//	           and so is this record (barrier 2). Any of its steps may be in place, durable or not. Only redo is legal
//	           while nothing contradicts the record. The transaction is acknowledged only after barrier 3.
//	           With the stage folder gone from stage/ it is finished, and the record is kept for free until the next put.
//	aborting   A step was refused by the kernel, or a path was not what an expectation says. Nothing was acknowledged.
//	           Only undo is legal, in reverse; a failure is reported after the undo is durable and the record gone.
//	abandoned  The user gave the transaction up. The tree is never touched again because of it; what is left of the
//	           stage folder moves to displaced/.
//
//	kept       The transaction has ended, and history/ keeps what it replaced. With its folder gone from there it is
//	           history no more, and the record goes with the next put.
//
// There is no way back: aborting, abandoned and kept never become decided.
type State uint8

// The states of a record that is there.
const (
	Decided State = iota + 1
	Aborting
	Abandoned
	Kept
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Decided:
		return "decided"
	case Aborting:
		return "aborting"
	case Abandoned:
		return "abandoned"
	case Kept:
		return "kept"
	}
	return "unknown"
}

// transitions lists, for each state, the states that SetState may move it to. Setting a state again is legal: recovery
// may have been cut right after it.
var transitions = map[State][]State{
	Decided:   {Aborting, Abandoned},
	Aborting:  {Aborting, Abandoned},
	Abandoned: {Abandoned},
}

func checkTransition(from, to State) error {
	for _, s := range transitions[from] {
		if s == to {
			return nil
		}
	}
	return errors.AssertionFailedf("journal: a record cannot go from %s to %s", from, to)
}
