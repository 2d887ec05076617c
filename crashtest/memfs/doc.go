// Package memfs is a file system in memory, served through FUSE, that the crash lab can look into: it records what is
// done to it, event by event in the order of completion, it shows trees that were put together elsewhere, and it
// refuses renames when told to.
//
// One mount shows many trees, each below a name of its own. Inode numbers are those of the tree, so that a tree that is
// shown again has the numbers it was recorded with; a number is never given out twice. There are no birth times: a
// program that asks for them without waiting for the server, as txcommit does, gets none from FUSE.
//
// The kernel caches file content, which programs map; names and attributes only where a mount is for states that one
// process looks at. Locks are the kernel's own.
package memfs
