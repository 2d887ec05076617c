// Package supervise runs a program under a seccomp user-notification filter,
// counts its state-changing system calls and, at number N, does something to
// it: kills it before the call executes, makes the call fail, sends a signal,
// or stops the world for a look around. It is layer L1 of the crash lab and is
// imported by tests only.
//
// # Use
//
//	for n := 1; ; n++ {
//		res, err := supervise.Run(supervise.Fault{At: n, Kill: true}, supervise.Options{}, bin, "apply")
//		// recover and check the tree
//		if res.Hit == nil {
//			break // ran to its end unharmed: every call has had its turn
//		}
//	}
//
// The filter is put on a thread of the calling process that does nothing but
// start the target, which inherits it, and ends. No privilege is needed
// (no_new_privs is set, so the target's set-user-ID programs lose theirs), and no
// cgo. Supervised programs cannot call Run themselves: Linux allows one listener
// per process.
//
// # What is counted
//
// One counter spans all threads and all descendants of the target, from its
// first instruction on. Counted are, when they are entered and whether or not
// they succeed later:
//
//   - data: write, pwrite64, writev, pwritev, pwritev2, sendfile, splice,
//     copy_file_range, truncate, ftruncate, fallocate;
//   - durability: fsync, fdatasync, syncfs, sync_file_range, msync;
//   - names: rename, link, symlink, mkdir, mknod, unlink, rmdir and their *at
//     forms; creat; open, openat and openat2 with O_CREAT or O_TRUNC, or every
//     open with Options.All;
//   - metadata: the chmod, chown, setxattr and removexattr families,
//     utimensat, and ioctl with FICLONE, FICLONERANGE or FS_IOC_SETFLAGS.
//
// Data calls that name an output descriptor are not counted when that is 0, 1
// or 2, a pipe, a socket, a memfd or an anonymous inode such as an eventfd:
// nothing written there survives a crash, and the Go runtime writes to its
// eventfd whenever it likes. Stores through a shared mapping and io_uring are
// invisible to seccomp.
//
// # Determinism
//
// The target is frozen in the counted call until the supervisor answers, and
// calls are answered one at a time. A single-threaded target therefore gets
// the same numbers on every run. With several threads the total is the same if
// the target's work is; which call gets which number is up to the scheduler.
//
// A signal that arrives while a counted call waits for its answer must not
// restart it, or it would count twice and an errno could get lost. The Go
// runtime preempts with SIGURG, so this is no corner case. The filter therefore
// asks for SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, which is in Linux 5.19 and
// has a rare race until 6.18 ("seccomp: Fix a race with WAIT_KILLABLE_RECV if
// the tracer replies too fast", also in stable kernels). On a kernel without
// it, give Go targets GODEBUG=asyncpreemptoff=1 in Options.Env. On any kernel, a
// signal between entering the call and being counted interrupts it: a handler
// with SA_RESTART, such as all of Go's, does not notice, one without may
// see EINTR from calls that never return it otherwise.
//
// # Files
//
// syscalls (the table), filter (table to BPF), starter (the thread that forks),
// run (Run and the start of the child), target (the child until it is reaped),
// loop (counting and faults), inspect (descriptors and paths of the target).
package supervise
