package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

// givesGroup says that what is made in d, which i describes and which has no setgid bit, gets the group of d. That is so if it
// is the process's own, and on ext4 and XFS with the mount option grpid (bsdgroups, ext4(5) and xfs(5)). The list of mounts
// does not show the option where ext4 has it from its superblock (tune2fs -o), and a remount changes it, so it is tried
// each time, with a file that has no name. Where none can be made, nothing else will be.
func (d *Dir) givesGroup(i Info) bool {
	if i.GID == uint32(os.Getegid()) {
		return true
	}
	v, err := d.Volume()
	if err != nil || v.Name != "ext4" && v.Name != "xfs" {
		return false
	}
	gid, err := d.groupOfNew()
	return err == nil && gid == i.GID
}

// groupOfNew returns the group that a new file in d gets.
func (d *Dir) groupOfNew() (uint32, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = again(func() error { return unix.Fstat(fd, &st) })
	return st.Gid, err
}
