// Package sandbox gives tests file systems of their own: real ones, on loop devices, in private namespaces.
//
// [Main] runs the tests of a package in a mount and process namespace that ends with them. However they end, by a
// return, a panic, a timeout, ^C or SIGKILL, the kernel then kills every process that they have started, takes every
// mount away, and with the last mount of a loop device the device itself ([Attach] sets it to clear automatically). All
// files live in a tmpfs of the namespace, and TMPDIR points there, so nothing of them is left either.
//
// Where there are no such namespaces (no root, a container without the right) the tests run all the same, and [Need]
// skips those that ask for something that is not there, or fails them where TXCOMMIT_REQUIRE is "all".
package sandbox
