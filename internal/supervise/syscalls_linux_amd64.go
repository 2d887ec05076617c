package supervise

import "golang.org/x/sys/unix"

// nativeArch is what seccomp reports for calls made by native code.
const nativeArch = unix.AUDIT_ARCH_X86_64

// legacyCalls are the calls that newer architectures never had.
var legacyCalls = []watched{
	{"open", unix.SYS_OPEN, "po"},
	{"creat", unix.SYS_CREAT, "p"},
	{"rename", unix.SYS_RENAME, "pp"},
	{"link", unix.SYS_LINK, "pp"},
	{"symlink", unix.SYS_SYMLINK, "pp"},
	{"mkdir", unix.SYS_MKDIR, "p"},
	{"mknod", unix.SYS_MKNOD, "p"},
	{"unlink", unix.SYS_UNLINK, "p"},
	{"rmdir", unix.SYS_RMDIR, "p"},
	{"chmod", unix.SYS_CHMOD, "p"},
	{"chown", unix.SYS_CHOWN, "p"},
	{"lchown", unix.SYS_LCHOWN, "p"},
}
