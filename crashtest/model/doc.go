// Package model is the file-level layer of the crash lab (L2): power cuts on a model of POSIX, with the real binary and
// the real bbolt.
//
// A workload runs on a file system in memory that records every change (package memfs). From the record come the crash
// states that are legal under POSIX; each is shown again with the inode numbers of the recording, the real recover runs
// on it, and the oracle judges what it leaves.
//
// # What a power cut may do here
//
// It comes after any one change. Then
//
//   - a change of a name may be lost unless a sync of its folder came later, and any change of an inode (content, size,
//     mode, owner, time, attributes) unless a sync of the inode came later. Nothing orders one change before another;
//   - but a name has one value: when a change of it survives, so do the earlier ones of the same name;
//   - a rename or exchange is whole, or did not happen. A rename of a file from one folder to another may also show
//     both names, never neither;
//   - a write may be torn at any multiple of 512 bytes, and the size may survive without the data: zeros.
//
// A sync counts from the moment it came in: a write that was not complete then is not covered.
//
// # Which states are looked at
//
// All subsets of what may be lost where that is at most 6 changes. Otherwise nothing, everything, each one alone and
// everything but each one of the newest changes, and some at random. States that look the same count once.
//
// The barrier of this layer is fsync by fsync, since FUSE is none of the file systems on which syncfs is trusted; the
// syncfs one is the matter of the block-level layer.
package model
