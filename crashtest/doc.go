// Package crashtest is the crash lab: it shows what a power cut leaves of a commit, and of its recovery. There is nothing
// here to be imported. docs/crash-safety.md says what is tested and how:
//
//	workload   seeded random transactions, and what they make of a tree
//	oracle     what a tree may be after a crash and its recovery
//	memfs      a file system that records what is done to it
//	model      power cuts that POSIX allows, on memfs
//	block      power cuts below ext4, XFS and btrfs
//	live       file systems that give up, and writers that die, beside a process that goes on living
//	protocol   the protocol itself, state by state
//	mutants    seeded bugs that these layers must find
//	sandbox    mounts, loop devices and processes that end with the test; bin builds the command
//
// must-pass.txt lists the tests and the seeded bugs that there must be.
package crashtest
