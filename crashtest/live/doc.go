// Package live is layer L4 of the crash lab: file systems that give up under a process that goes on living.
//
// A shutdown ioctl makes ext4 and XFS refuse everything from one moment to the next, with or without what their
// journals hold in memory; a disk or an inode table runs full in the middle of a commit. The process must stop with an
// exit code that is true, and the tree must satisfy the oracle: at once where the file system lives on, after the next
// mount where it does not.
//
// There is nothing here to be imported; the package is its tests.
package live
