//go:build unix

package fsys

import (
	"errors"
	"os"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// Xattr is one extended attribute. POSIX ACLs, file capabilities and security labels are extended attributes too.
type Xattr struct {
	Name  string
	Value []byte
}

// Xattrs returns the extended attributes of the file or folder at rel below d; none where the file system has none.
func (d *Dir) Xattrs(rel string) ([]Xattr, error) {
	path, done, err := d.procPath(rel)
	if err != nil {
		return nil, err
	}
	defer done()
	names, err := xattr.List(path)
	if err != nil {
		return nil, ignoreUnsupported(err)
	}
	return values(names, func(name string) ([]byte, error) { return xattr.Get(path, name) })
}

// FileXattrs returns the extended attributes of an open file or folder.
func FileXattrs(f *os.File) ([]Xattr, error) {
	names, err := xattr.FList(f)
	if err != nil {
		return nil, ignoreUnsupported(err)
	}
	return values(names, func(name string) ([]byte, error) { return xattr.FGet(f, name) })
}

func values(names []string, get func(name string) ([]byte, error)) ([]Xattr, error) {
	if len(names) == 0 {
		return nil, nil
	}
	out := make([]Xattr, 0, len(names))
	for _, n := range names {
		v, err := get(n)
		if errors.Is(err, xattr.ENOATTR) {
			continue
		}
		if err != nil {
			return nil, bare(err)
		}
		out = append(out, Xattr{n, v})
	}
	return out, nil
}

// SetXattr sets one extended attribute of an open file or folder, unless it has that value already.
func SetXattr(f *os.File, x Xattr) error {
	if v, err := xattr.FGet(f, x.Name); err == nil && string(v) == string(x.Value) {
		return nil
	}
	return again(func() error { return bare(xattr.FSet(f, x.Name, x.Value)) })
}

// ChmodFile sets the mode of an open file. It is EPERM where the system leaves a bit out, as chmod(2) does with setgid for
// who is not of the file's group.
func ChmodFile(f *os.File, mode uint32) error {
	err := again(func() error { return unix.Fchmod(int(f.Fd()), mode) })
	if err != nil || mode&0o7000 == 0 {
		return err
	}
	i, err := StatFile(f)
	if err == nil && i.Mode&mode != mode {
		err = unix.EPERM
	}
	return err
}

// ChownFile sets owner and group of an open file.
func ChownFile(f *os.File, uid, gid uint32) error {
	return again(func() error { return unix.Fchown(int(f.Fd()), int(uid), int(gid)) })
}

func ignoreUnsupported(err error) error {
	if e := bare(err); e != unix.ENOTSUP && e != unix.EOPNOTSUPP {
		return e
	}
	return nil
}

// Writable says, by its error, why this process cannot make or remove names in d.
func (d *Dir) Writable() error {
	return again(func() error { return unix.Faccessat(d.fd(), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) })
}
