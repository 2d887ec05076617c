package fsys

import "golang.org/x/sys/unix"

// CopySpecial makes toName in another folder what the FIFO, socket or device name is: of the same kind and number, and
// with its permissions.
func (d *Dir) CopySpecial(name string, to *Dir, toName string) error {
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return err
	}
	err := again(func() error { return unix.Mknodat(to.fd(), toName, st.Mode, int(st.Rdev)) })
	if err != nil {
		return err
	}
	return again(func() error { return unix.Fchmodat(to.fd(), toName, st.Mode&0o7777, 0) }) // the umask has had its say
}
