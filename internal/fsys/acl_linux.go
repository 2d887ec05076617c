package fsys

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// The layout of a POSIX ACL in an extended attribute is part of the kernel's interface
// (include/uapi/linux/posix_acl_xattr.h): a version, then entries of tag, permissions and id.
const (
	aclAccess     = "system.posix_acl_access"
	aclDefault    = "system.posix_acl_default"
	aclHeader     = 4
	aclEntry      = 8
	aclUserObj    = 0x01
	aclGroupObj   = 0x04
	aclMask       = 0x10
	aclOther      = 0x20
	projInherit   = 0x200      // FS_XFLAG_PROJINHERIT
	casefold      = 0x40000000 // FS_CASEFOLD_FL
	fsGetXattr    = 0x801c581f
	fsxattrLength = 28
)

// Heritage reads what d hands down; i describes d.
func (d *Dir) Heritage(i Info) (Heritage, error) {
	h := Heritage{GID: i.GID, SetGID: i.Mode&0o2000 != 0, Project: d.project(), Folds: d.folds()}
	h.Group = h.SetGID || d.givesGroup(i)
	acl, err := xattr.FGet(d.f, aclDefault)
	switch bare(err) {
	case nil:
		h.DefaultACL = acl
	case unix.ENODATA, unix.ENOTSUP:
	default:
		return h, bare(err)
	}
	return h, nil
}

func (d *Dir) folds() bool {
	flags, err := unix.IoctlGetInt(d.fd(), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&casefold != 0
}

func (d *Dir) project() uint32 {
	var b [fsxattrLength]byte
	if err := ioctl(d.fd(), fsGetXattr, &b); err != nil {
		return 0 // the file system knows no projects
	}
	if binary.NativeEndian.Uint32(b[0:])&projInherit == 0 {
		return 0
	}
	return binary.NativeEndian.Uint32(b[12:])
}

// ProjectOf returns the XFS or ext4 project id of a file or folder itself. known is false where that cannot be found out:
// of links and special files, and of what may not be read.
func (d *Dir) ProjectOf(name string) (id uint32, known bool) {
	i, err := d.Stat(name)
	if err != nil || i.Kind != File && i.Kind != Folder {
		return 0, false
	}
	f, err := d.Open(name)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var b [fsxattrLength]byte
	if err := ioctl(int(f.Fd()), fsGetXattr, &b); err != nil {
		return 0, false
	}
	return binary.NativeEndian.Uint32(b[12:]), true
}

// Inherit gives a file or folder that was made elsewhere with perm (before the umask) what it would have got if it
// had been made in the folder of h: the group, the ACLs, and the permissions that follow from them.
func Inherit(f *os.File, h Heritage, perm uint32, folder bool) error {
	if h.Group {
		i, err := StatFile(f)
		if err != nil {
			return err
		}
		if i.GID != h.GID {
			if err := ChownFile(f, i.UID, h.GID); err != nil {
				return err
			}
		}
		if folder && h.SetGID {
			if err := ChmodFile(f, i.Mode|0o2000); err != nil {
				return err
			}
		}
	}
	if h.DefaultACL == nil {
		return nil
	}
	if folder {
		if err := SetXattr(f, Xattr{aclDefault, h.DefaultACL}); err != nil {
			return err
		}
	}
	return SetXattr(f, Xattr{aclAccess, maskACL(h.DefaultACL, perm)})
}

// maskACL limits an ACL by the permissions asked for, as the kernel's posix_acl_create does.
func maskACL(acl []byte, perm uint32) []byte {
	out := slices.Clone(acl)
	group := -1 // the entry that bounds the group class: the mask, or the owning group where there is no mask
	for at := aclHeader; at+aclEntry <= len(out); at += aclEntry {
		switch binary.LittleEndian.Uint16(out[at:]) {
		case aclUserObj:
			andPerm(out[at:], perm>>6)
		case aclOther:
			andPerm(out[at:], perm)
		case aclMask:
			group = at
		case aclGroupObj:
			if group < 0 {
				group = at
			}
		}
	}
	if group >= 0 {
		andPerm(out[group:], perm>>3)
	}
	return out
}

func andPerm(entry []byte, perm uint32) {
	p := binary.LittleEndian.Uint16(entry[2:])
	binary.LittleEndian.PutUint16(entry[2:], p&uint16(perm&7))
}

// Private takes from a folder what it may have inherited: it ends as 0700 without ACLs and without setgid.
func (d *Dir) Private() error {
	for _, name := range []string{aclDefault, aclAccess} {
		err := bare(xattr.FRemove(d.f, name))
		if err != nil && err != unix.ENODATA && err != unix.ENOTSUP {
			return err
		}
	}
	return ChmodFile(d.f, 0o700)
}

// procPath returns a path to what is at rel below d, which stays right when folders are renamed. It needs no permission
// to read the file. No component may be a link.
func (d *Dir) procPath(rel string) (path string, done func(), err error) {
	how := &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	var fd int
	err = again(func() (err error) {
		fd, err = unix.Openat2(d.fd(), rel, how)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), func() { _ = unix.Close(fd) }, nil
}
