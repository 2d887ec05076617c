//go:build linux

package block

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The rest of what FUSE asks for: one folder with one file, neither of which ever changes.

func (d *Disk) attr(node uint64, a *fuse.Attr) fuse.Status {
	a.Ino, a.Nlink, a.Blksize = node, 1, 4096
	switch node {
	case rootNode:
		a.Mode = syscall.S_IFDIR | 0o755
	case imageNode:
		a.Mode = syscall.S_IFREG | 0o600
		a.Size = uint64(len(d.image))
		a.Blocks = a.Size / sector
	default:
		return fuse.ENOENT
	}
	return fuse.OK
}

// Lookup implements fuse.RawFileSystem.
func (d *Disk) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name != imageName {
		return fuse.ENOENT
	}
	out.NodeId = imageNode
	out.SetEntryTimeout(time.Hour)
	out.SetAttrTimeout(time.Hour)
	return d.attr(imageNode, &out.Attr)
}

// GetAttr implements fuse.RawFileSystem.
func (d *Disk) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.SetTimeout(time.Hour)
	return d.attr(in.NodeId, &out.Attr)
}

// SetAttr implements fuse.RawFileSystem.
func (d *Disk) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return d.attr(in.NodeId, &out.Attr)
}

// Open implements fuse.RawFileSystem.
func (d *Disk) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.Fh, out.OpenFlags = in.NodeId, fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

// Access implements fuse.RawFileSystem.
func (d *Disk) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.OK }

// Flush implements fuse.RawFileSystem: a close(2), not a flush of the device.
func (d *Disk) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Release implements fuse.RawFileSystem.
func (d *Disk) Release(<-chan struct{}, *fuse.ReleaseIn) {}

// StatFs implements fuse.RawFileSystem.
func (d *Disk) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const plenty = 1 << 20
	out.Bsize, out.Blocks, out.Bfree, out.Bavail = 4096, plenty, plenty, plenty
	return fuse.OK
}
