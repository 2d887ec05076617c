// Package oracle judges a tree after a crash and its recovery. It is the same for all layers of the crash lab: it
// knows what a workload's tree must be, and nothing of how the crash was made.
//
// It checks the invariants of docs/design.md as far as they can be seen from outside: all old or all new (I1), new if
// it was acknowledged and old if it was reported as failed (I2, I3), recovering twice is recovering once (I4), nothing
// but old and new content (I5), nothing of a later user's act reverted (I9), no failed expectation ends new (I10), no
// litter (I11), owners, modes and attributes right (I13), untouched files the same inodes with the same times (I14);
// and that bbolt finds its file in order.
package oracle
