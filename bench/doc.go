// Command bench runs the same workloads through txcommit and through what people use instead of it, in turn in one run
// (A B C A B C …), and prints medians: time, ratio to the first system, flushes that the device got, bytes written to it.
//
//	make bench                                           # all of it, with JSON and plots, into bench/out
//	go -C bench run .                                    # as root: on a journaled ext4 image; else in the current folder
//	go -C bench run . -devices /mnt/disk -runs 9
//	go -C bench run . -devices slow -plots out           # a device whose flush takes 2 ms
//	go -C bench run . -workloads replace-1000,tree-unchanged -systems cp,library
//
// Times drift on a machine that does other things, ratios of one run much less, and flushes not at all: trust them in
// reverse order.
//
// # What is measured
//
// Each system owns a folder on the device and gets the same new content there, which differs from round to round. Before
// each measurement the file system is synced; the clock and the device's counters run from the call to its return (for
// commands: from the start of the process to its end). The first round warms up and is not counted.
//
// cp and the commands read the new content from files in the page cache, tar from its archive there; systems that are
// called in this process, and those in Node, have it in memory, but for files over 1 MiB and for trees, which are read.
//
// A system can have work left when it returns: the library deletes what it has replaced in the background. After each
// sample that is waited for, so that it does not run beside the next system, and told as "after the return". Where a
// workload is many commits, it is waited for once, after the last; what the earlier ones have left is on the clock.
//
// Packages of npm are installed into a temporary folder when the run begins. What cannot be had is left out, and told.
//
// # Shape
//
// A device is a folder and the counters of what is below it; a system (peer_*.go) publishes a change to its folder; a
// workload makes one change after the other, or many as lanes; measure runs all systems through a workload; report
// collects, print and plots show. A new peer, a new device or a new workload is a new entry in the list of its file.
//
// Linux only. Images are attached and mounted in a mount namespace of this process's own, by loop devices that go with
// their last user, and have no name: however the process ends, no mount, no loop device and no image is left; after
// SIGKILL empty folders and the built command are, in the temporary folder.
package main
