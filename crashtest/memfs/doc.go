// Package memfs is a file system in memory, served through FUSE, that the crash lab can look into: it records what is
// done to it, event by event in the order of completion, it shows trees that were put together elsewhere, and when told
// to it refuses renames, cannot exchange names, or lets a sync fail.
//
// One mount shows many trees, each below a name of its own. Inode numbers and birth times are those of the tree, so that
// a tree that is shown again has those it was recorded with; a number is never given out twice.
//
// There is no syncfs: the kernel does not pass it on to a FUSE server like this one.
//
// The kernel caches file content, which programs map; names and attributes only where a mount is for states that one
// process looks at. Locks are the kernel's own.
package memfs
