//go:build amd64 || arm64

package supervise

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (seccomp(2)). Both architectures are little
// endian, so the low half of an argument comes first.
const (
	dataNr   = 0
	dataArch = 4
	dataArgs = 16
)

// filter returns the BPF program that reports the watched calls and allows all
// others. Plain opens are allowed here, which keeps them cheap, unless allOpens;
// everything else that depends on arguments is left to the supervisor, which
// can also read memory. Calls of a foreign architecture are allowed.
//
// Every test is followed by what it decides on, so jumps are short and the
// table may grow beyond the 255 instructions a jump can span.
func filter(calls []watched, allOpens bool) []unix.SockFilter {
	prog := []unix.SockFilter{
		load(dataArch),
		jump(unix.BPF_JEQ, nativeArch, 1, 0),
		ret(unix.SECCOMP_RET_ALLOW),
		load(dataNr),
	}
	for _, w := range calls {
		report := []unix.SockFilter{ret(unix.SECCOMP_RET_USER_NOTIF)}
		if flags := w.arg('o'); flags >= 0 && !allOpens {
			report = []unix.SockFilter{
				load(dataArgs + 8*uint32(flags)),
				jump(unix.BPF_JSET, unix.O_CREAT|unix.O_TRUNC, 0, 1),
				ret(unix.SECCOMP_RET_USER_NOTIF),
				ret(unix.SECCOMP_RET_ALLOW),
			}
		}
		prog = append(prog, jump(unix.BPF_JEQ, w.nr, 0, uint8(len(report))))
		prog = append(prog, report...)
	}
	return append(prog, ret(unix.SECCOMP_RET_ALLOW))
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// jump skips yes or no instructions, depending on the outcome of the test.
func jump(test uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// install puts prog on the calling thread for good and returns its listener.
// The caller must have locked the thread.
func install(prog []unix.SockFilter) (listener int, err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, err
	}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	fd, errno := setFilter(prog, flags|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errno == unix.EINVAL { // before Linux 5.19
		fd, errno = setFilter(prog, flags)
	}
	if errno != 0 {
		return -1, errno
	}
	return fd, nil
}

func setFilter(prog []unix.SockFilter, flags uintptr) (int, unix.Errno) {
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
		uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	return int(fd), errno
}
