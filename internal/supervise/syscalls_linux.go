//go:build amd64 || arm64

package supervise

import (
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A watched is a system call the filter reports. Its shape has one letter per
// argument, up to the last one that matters:
//
//	f  descriptor
//	w  descriptor that receives data: decides whether the call counts
//	p  pointer to a path
//	o  open flags
//	h  pointer to struct open_how, which starts with the open flags
//	c  ioctl command
//	-  anything else
type watched struct {
	name  string
	nr    uint32
	shape string
}

// arg returns the index of the first argument of the given kind, or -1.
func (w watched) arg(kind byte) int { return strings.IndexByte(w.shape, kind) }

// commonCalls exist on every architecture; legacyCalls, in the files of the
// architectures, are the older spellings.
var commonCalls = []watched{
	{"write", unix.SYS_WRITE, "w"},
	{"pwrite64", unix.SYS_PWRITE64, "w"},
	{"writev", unix.SYS_WRITEV, "w"},
	{"pwritev", unix.SYS_PWRITEV, "w"},
	{"pwritev2", unix.SYS_PWRITEV2, "w"},
	{"sendfile", unix.SYS_SENDFILE, "w"},
	{"splice", unix.SYS_SPLICE, "--w"},
	{"copy_file_range", unix.SYS_COPY_FILE_RANGE, "--w"},
	{"truncate", unix.SYS_TRUNCATE, "p"},
	{"ftruncate", unix.SYS_FTRUNCATE, "f"},
	{"fallocate", unix.SYS_FALLOCATE, "f"},

	{"fsync", unix.SYS_FSYNC, "f"},
	{"fdatasync", unix.SYS_FDATASYNC, "f"},
	{"syncfs", unix.SYS_SYNCFS, "f"},
	{"sync_file_range", unix.SYS_SYNC_FILE_RANGE, "f"},
	{"msync", unix.SYS_MSYNC, ""},

	{"openat", unix.SYS_OPENAT, "fpo"},
	{"openat2", unix.SYS_OPENAT2, "fph"},
	{"renameat", unix.SYS_RENAMEAT, "fpfp"},
	{"renameat2", unix.SYS_RENAMEAT2, "fpfp"},
	{"linkat", unix.SYS_LINKAT, "fpfp"},
	{"symlinkat", unix.SYS_SYMLINKAT, "pfp"},
	{"mkdirat", unix.SYS_MKDIRAT, "fp"},
	{"mknodat", unix.SYS_MKNODAT, "fp"},
	{"unlinkat", unix.SYS_UNLINKAT, "fp"},

	{"ioctl", unix.SYS_IOCTL, "fc"},
	{"fchmod", unix.SYS_FCHMOD, "f"},
	{"fchmodat", unix.SYS_FCHMODAT, "fp"},
	{"fchmodat2", unix.SYS_FCHMODAT2, "fp"},
	{"fchown", unix.SYS_FCHOWN, "f"},
	{"fchownat", unix.SYS_FCHOWNAT, "fp"},
	{"setxattr", unix.SYS_SETXATTR, "pp"},
	{"lsetxattr", unix.SYS_LSETXATTR, "pp"},
	{"fsetxattr", unix.SYS_FSETXATTR, "fp"},
	{"setxattrat", unix.SYS_SETXATTRAT, "fp-p"},
	{"removexattr", unix.SYS_REMOVEXATTR, "pp"},
	{"lremovexattr", unix.SYS_LREMOVEXATTR, "pp"},
	{"fremovexattr", unix.SYS_FREMOVEXATTR, "fp"},
	{"removexattrat", unix.SYS_REMOVEXATTRAT, "fp-p"},
	{"utimensat", unix.SYS_UTIMENSAT, "fp"},
}

// watchedCalls returns the whole table. Extended attribute names count as paths.
func watchedCalls() []watched {
	return append(commonCalls[:len(commonCalls):len(commonCalls)], legacyCalls...)
}

// watchedByNr returns the table as a map.
var watchedByNr = sync.OnceValue(func() map[uint32]watched {
	byNr := make(map[uint32]watched)
	for _, w := range watchedCalls() {
		byNr[w.nr] = w
	}
	return byNr
})

// changesByIoctl reports whether an ioctl command changes a file.
func changesByIoctl(cmd uint64) bool {
	switch uint32(cmd) {
	case unix.FICLONE, unix.FICLONERANGE, unix.FS_IOC_SETFLAGS:
		return true
	}
	return false
}
