//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// device is a folder to work in, and the counters of the block device below it.
type device struct {
	Name string `json:"name"` // as the user asked for it
	// About says what it is, with all that makes its figures hard to compare with those of others.
	About string `json:"about"`
	dir   string
	stat  string // the file of the counters; empty where there is none
	fs    *os.File
}

// onDevice runs f on the device that name means: a kind of image, or an existing folder.
func onDevice(ctx context.Context, name, dir string, f func(*device) error) error {
	if name == slowName {
		return onSlow(ctx, dir, f)
	}
	if kind, ok := images[name]; ok {
		return onImage(ctx, name, kind, dir, f)
	}
	tmp, err := os.MkdirTemp(name, "txcommit-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	return onFolder(name, tmp, "", f)
}

// onFolder runs f on a folder. block is the block device below it, as in /sys/block; empty where that is not known.
func onFolder(name, dir, block string, f func(*device) error) error {
	d := &device{Name: name, dir: dir}
	h, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer h.Close()
	d.fs = h
	if err := d.describe(block); err != nil {
		return err
	}
	return f(d)
}

// sync makes all of the device's file system durable, so that nothing of before is counted with what follows; and what
// the rest of the machine has not written yet, since txcommit avoids a syncfs that would have to write that.
func (d *device) sync() error {
	unix.Sync()
	return unix.Syncfs(int(d.fs.Fd()))
}

// counters are what the device has done so far.
type counters struct{ flushes, sectors int64 }

// The fields of /sys/block/*/stat, counted from 0 (Linux, Documentation/block/stat.rst): sectors of 512 bytes whatever
// the device, and since Linux 5.5 flush requests.
const (
	fieldSectors = 6
	fieldFlushes = 15
	sectorSize   = 512
)

// counters reads the device's counters; zero where there are none.
func (d *device) counters() (counters, error) {
	if d.stat == "" {
		return counters{}, nil
	}
	b, err := os.ReadFile(d.stat)
	if err != nil {
		return counters{}, err
	}
	f := strings.Fields(string(b))
	if len(f) <= fieldFlushes {
		return counters{}, fmt.Errorf("%s: this kernel does not count flushes", d.stat)
	}
	var c counters
	if c.sectors, err = strconv.ParseInt(f[fieldSectors], 10, 64); err != nil {
		return c, err
	}
	c.flushes, err = strconv.ParseInt(f[fieldFlushes], 10, 64)
	return c, err
}

// describe finds the block device, if it is not known, and says what has to be known about it.
func (d *device) describe(name string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.fs.Fd()), &st); err != nil {
		return err
	}
	var v unix.Statfs_t
	if err := unix.Fstatfs(int(d.fs.Fd()), &v); err != nil {
		return err
	}
	kind := kindOfFS(int64(v.Type))
	about := []string{kind}
	sys := "/sys/block/" + name
	if name == "" { // a file system on several devices, as btrfs can be, has a number that is none of theirs
		sys = fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	}
	block, err := filepath.EvalSymlinks(sys)
	if err != nil {
		d.About = kind + ", no block device of its own: flushes and bytes are not counted"
		return nil
	}
	d.stat = filepath.Join(block, "stat")
	name = filepath.Base(block)
	about = append(about, "on "+name)
	if kind == "ext4" && !journaled(name) {
		about = append(about, "WITHOUT A JOURNAL: neither its times nor its flushes tell anything about one that has a journal")
	}
	if dio, err := os.ReadFile(filepath.Join(block, "loop", "dio")); err == nil {
		about = append(about, map[string]string{"1": "an image with direct I/O", "0": "an image without direct I/O"}[strings.TrimSpace(string(dio))])
	}
	if cache, err := os.ReadFile(filepath.Join(block, "queue", "write_cache")); err == nil {
		about = append(about, "write cache: "+strings.TrimSpace(string(cache)))
	}
	d.About = strings.Join(about, ", ")
	return nil
}

func kindOfFS(magic int64) string {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", magic)
}

// journaled says whether the ext4 file system on a block device has a journal, and so a thread that writes it.
func journaled(block string) bool {
	b, err := os.ReadFile("/sys/fs/ext4/" + block + "/journal_task")
	return err != nil || strings.TrimSpace(string(b)) != "<none>"
}
