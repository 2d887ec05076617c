//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const mib = 1 << 20

// An FS is a file system under test: how it is made and mounted.
type FS struct {
	Name    string // unique
	Type    string // for mount(2)
	Options string // for mount(2)
	Size    int64  // of an image, the smallest that the file system takes
	make    []string
	env     []string
	// Atom is the unit that reaches the medium whole or not at all. Everything but btrfs copes with sectors; btrfs
	// does not mount with a torn superblock, and promises nothing below its own blocks.
	Atom int
}

var (
	mkfsExt4 = []string{
		"mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-N", "1024",
		"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
	}
	// Without these variables mkfs.xfs refuses less than 300 MB.
	xfsEnv = []string{"TEST_DIR=1", "TEST_DEV=1", "QA_CHECK_FS=1"}
)

// The file systems. The journal of ext4 is as small as it may be, so that it wraps around.
var (
	Ext4          = FS{Name: "ext4", Type: "ext4", Size: 32 * mib, make: mkfsExt4, Atom: 512}
	Ext4NoAlloc   = FS{Name: "ext4-noauto_da_alloc", Type: "ext4", Options: "noauto_da_alloc", Size: 32 * mib, make: mkfsExt4, Atom: 512}
	Ext4Writeback = FS{Name: "ext4-writeback", Type: "ext4", Options: "data=writeback", Size: 32 * mib, make: mkfsExt4, Atom: 512}
	XFS           = FS{
		Name: "xfs", Type: "xfs", Options: "nouuid", Size: 32 * mib, Atom: 512,
		make: []string{"mkfs.xfs", "-q", "-f", "-K"}, env: xfsEnv,
	}
	Btrfs = FS{
		Name: "btrfs", Type: "btrfs", Size: 64 * mib, Atom: 4096,
		make: []string{"mkfs.btrfs", "-q", "-f", "-K", "-M", "-m", "single", "-d", "single"},
	}
)

// Ext4FastCommit is not among All: nothing is promised on it. After power cuts it has damaged files that were
// synced.
var Ext4FastCommit = Ext4.With("ext4-fast_commit", "-O", "fast_commit")

// All are the file systems that are crashed.
var All = []FS{Ext4, Ext4NoAlloc, Ext4Writeback, XFS, Btrfs}

// With returns fs under another name and with more arguments for mkfs.
func (fs FS) With(name string, args ...string) FS {
	fs.Name, fs.make = name, append(fs.make[:len(fs.make):len(fs.make)], args...)
	return fs
}

// Make makes a file system in the file image, of size bytes or (0) the usual ones.
func (fs FS) Make(image string, size int64) error {
	if size == 0 {
		size = fs.Size
	}
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	cmd := exec.Command(fs.make[0], append(fs.make[1:len(fs.make):len(fs.make)], image)...)
	cmd.Env = append(os.Environ(), fs.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// Mount attaches a loop device to the image and mounts it at dir, which it makes. Closing the mount is all that is
// needed to be rid of both.
func (fs FS) Mount(image, dir string) (*Mount, error) { return fs.mount(image, dir, false) }

// MountDirect is Mount with a device that keeps nothing back in a page cache of its own.
func (fs FS) MountDirect(image, dir string) (*Mount, error) { return fs.mount(image, dir, true) }

func (fs FS) mount(image, dir string, direct bool) (*Mount, error) {
	dev, err := Attach(image, direct)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	return MountAt(dev.Path, dir, fs.Type, fs.Options)
}
