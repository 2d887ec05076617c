//go:build unix && !linux

package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

const utimeOmit = unixUtimeOmit

func statAt(fd int, name string) (Info, error) {
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func statFd(fd int) (Info, error) {
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	return Info{
		ID:        ID{Ino: st.Ino, Born: st.Btim.Nano()},
		Kind:      kindOf(uint32(st.Mode)),
		Mode:      uint32(st.Mode) & 0o7777,
		UID:       st.Uid,
		GID:       st.Gid,
		Nlink:     uint32(st.Nlink),
		Size:      st.Size,
		Mtime:     st.Mtim.Nano(),
		Ctime:     st.Ctim.Nano(),
		Dev:       uint64(st.Dev),
		Immutable: st.Flags&immutableFlags != 0,
	}
}

// immutableFlags are UF_IMMUTABLE, UF_APPEND, SF_IMMUTABLE and SF_APPEND of chflags(2).
const immutableFlags = 0x2 | 0x4 | 0x20000 | 0x40000

// Chmod sets the mode of name if it still is the inode id; ESTALE otherwise. A link's mode cannot be set.
func (d *Dir) Chmod(name string, id ID, mode uint32) error {
	i, err := d.Stat(name)
	switch {
	case err != nil:
		return err
	case i.ID != id:
		return unix.ESTALE
	case i.Kind == Link:
		return unix.ELOOP
	}
	return again(func() error { return unix.Fchmodat(d.fd(), name, mode, unix.AT_SYMLINK_NOFOLLOW) })
}

// SyncFile makes the content and the size of an open file durable: package os knows how each system does that.
func SyncFile(f *os.File) error { return bare(f.Sync()) }

// Volume describes the file system that d is on. Its type is not looked at here.
func (d *Dir) Volume() (Volume, error) { return Volume{Name: "local", FsyncEach: true}, nil }

// Heritage reads what d hands down; i describes d. On the BSDs that is its group.
func (d *Dir) Heritage(i Info) (Heritage, error) { return Heritage{GID: i.GID, Group: true}, nil }

// Inherit gives a file that was made elsewhere the group it would have got in the folder of h.
func Inherit(f *os.File, h Heritage, _ uint32, _ bool) error {
	i, err := StatFile(f)
	if err != nil || i.GID == h.GID {
		return err
	}
	return ChownFile(f, i.UID, h.GID)
}

// Private makes the folder 0700.
func (d *Dir) Private() error { return ChmodFile(d.f, 0o700) }

// procPath returns a path to name in d.
func (d *Dir) procPath(name string) (path string, done func(), err error) {
	return d.f.Name() + "/" + name, func() {}, nil
}
