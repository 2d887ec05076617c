// Package block is layer L3 of the crash lab: power cuts on real file systems, seen from below.
//
// A [Disk] is a block device in memory, served over FUSE and put under a loop device. It remembers every write and
// flush with the moments of its arrival and its completion, and marks that say what a program was told meanwhile.
// [Record] makes a file system on it and runs a workload of the real binary there. [Recording.States] then says which
// contents the medium may have after a power cut, under the one assumption that every device must keep (A1 of docs/design.md):
//
//	what was complete before a flush arrived is on the medium once that flush is complete.
//
// Everything else may be there or not, each write by itself, and each sector of a write by itself. [Explorer] makes an
// image of each state, mounts it (so that the file system replays its own journal), runs `txcommit recover` and asks
// the oracle. A [Hunt] is all of that, and cuts some of the recoveries, too.
//
// # Modes
//
// When a file system writes what back is up to timers and memory, so a workload that takes milliseconds would show
// little of it. The [Mode] of a recording therefore provokes it, at each state-changing system call of the program:
//
//   - Lazy leaves it alone: only the program's own syncs reach the disk.
//   - Eager lets another process syncfs after every call: names and data reach the disk at once and in order.
//   - Prodded lets another process fsync a file of its own (btrfs: START_SYNC) after every call: the journal is
//     committed early, with the names of everybody, while data that nobody has synced stays behind.
//
// # What it does not show
//
// The kernel lets a flush reach the disk only when the writes before it have been answered, though a device may be asked
// to flush while it writes. Writes in flight at the cut count as lost. The first page of the device never tears: no file
// system mounts with half a superblock. Only 4 KiB as a whole tear on btrfs.
//
// # One process too many
//
// The disk is served by the test itself. It must not touch mapped memory of a file system on that disk: a page fault
// cannot be preempted, and the garbage collector would wait for a page that only this process can deliver. Hence
// bbolt runs in child processes while a disk is recorded; the states are plain files in memory, without FUSE.
package block
