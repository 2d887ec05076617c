package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

// Space returns what is free on the file system of d.
func (d *Dir) Space() (Space, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(d.fd(), &st) }); err != nil {
		return Space{}, err
	}
	return Space{Bytes: st.Bavail * uint64(st.Bsize), Inodes: st.Ffree, Counted: st.Files > 0}, nil
}

// Clone makes dst share the blocks of src until one of them is written to. ErrUnsupported where the file system cannot.
func Clone(dst, src *os.File) error {
	err := again(func() error { return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) })
	if err == unix.EOPNOTSUPP || err == unix.ENOTTY || err == unix.EINVAL || err == unix.ENOSYS {
		return ErrUnsupported
	}
	return err
}
