package fsys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// volumes are the file systems whose behaviour was measured, and those that cannot keep the promise. The numbers are
// those of statfs(2).
var volumes = map[int64]Volume{
	unix.EXT4_SUPER_MAGIC:      {Name: "ext4", SyncFS: true, FsyncEach: true},
	unix.XFS_SUPER_MAGIC:       {Name: "xfs", SyncFS: true, FsyncEach: true},
	unix.BTRFS_SUPER_MAGIC:     {Name: "btrfs", SyncFS: true},
	unix.TMPFS_MAGIC:           {Name: "tmpfs", SyncFS: true, FsyncEach: true},
	unix.OVERLAYFS_SUPER_MAGIC: {Name: "overlay", FsyncEach: true},
	unix.NFS_SUPER_MAGIC:       {Name: "nfs", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.SMB_SUPER_MAGIC:       {Name: "smb", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.CIFS_SUPER_MAGIC:      {Name: "cifs", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.SMB2_SUPER_MAGIC:      {Name: "smb2", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.V9FS_MAGIC:            {Name: "9p", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.AFS_SUPER_MAGIC:       {Name: "afs", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.CEPH_SUPER_MAGIC:      {Name: "ceph", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.CODA_SUPER_MAGIC:      {Name: "coda", FsyncEach: true, Unsafe: "locks and renames of a network file system can be lost"},
	unix.FUSE_SUPER_MAGIC:      {Name: "fuse", FsyncEach: true, Unsafe: "what a FUSE file system makes durable is up to its server"},
	unix.MSDOS_SUPER_MAGIC:     {Name: "vfat", FsyncEach: true, Unsafe: "FAT has no journal and no inode numbers that last"},
	unix.EXFAT_SUPER_MAGIC:     {Name: "exfat", FsyncEach: true, Unsafe: "exFAT has no journal and no inode numbers that last"},
}

// Volume describes the file system that d is on.
func (d *Dir) Volume() (Volume, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(d.fd(), &st) }); err != nil {
		return Volume{}, err
	}
	magic := int64(uint32(st.Type))
	if v, ok := volumes[magic]; ok {
		return v, nil
	}
	return Volume{Name: "0x" + strconv.FormatInt(magic, 16), FsyncEach: true}, nil
}
