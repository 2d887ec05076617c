//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// imageSize is that of a sparse file.
const imageSize = 24 << 30

// images are the file systems that an image can be made with, and the command for it. Nothing is left for later: no
// lazy initialisation that would write while others are measured.
var images = map[string][]string{
	"ext4":  {"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"},
	"xfs":   {"mkfs.xfs", "-q", "-f", "-K"},
	"btrfs": {"mkfs.btrfs", "-q", "-f", "-K"},
}

func imageKinds() []string {
	return append(slices.Sorted(maps.Keys(images)), slowName)
}

var errNeeds = errors.New("needs")

// imagesWork says, by an error that is errNeeds, what is missing for an image of a kind.
func imagesWork(kind string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w root to mount an image", errNeeds)
	}
	if _, err := exec.LookPath(images[kind][0]); err != nil {
		return fmt.Errorf("%w %s", errNeeds, images[kind][0])
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return fmt.Errorf("%w loop devices", errNeeds)
	}
	if os.Getenv(isolatedEnv) == "" {
		return errors.New("not in a mount namespace of its own: an image could be left mounted")
	}
	return nil
}

// onImage runs f on a fresh file system in a file in dir, through a loop device.
func onImage(ctx context.Context, name string, mkfs []string, dir string, f func(*device) error) error {
	if err := imagesWork(name); err != nil {
		return err
	}
	img, err := makeImage(ctx, mkfs, dir)
	if err != nil {
		return err
	}
	defer img.Close()
	return onFile(name, name, img, dir, f)
}

// onFile runs f on the file system, of a type, that is in img. It is mounted in dir while f runs.
func onFile(name, fstype string, img *os.File, dir string, f func(*device) error) (err error) {
	loop, err := attach(img)
	if err != nil {
		return fmt.Errorf("attach a loop device: %w", err)
	}
	defer loop.Close()
	mnt, err := os.MkdirTemp(dir, "txcommit-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(mnt) }()
	if err := unix.Mount(loop.Name(), mnt, fstype, unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", loop.Name(), err)
	}
	defer func() { err = errors.Join(err, unmount(mnt)) }()
	return onFolder(name, mnt, filepath.Base(loop.Name()), f)
}

// makeImage makes a file system in a file that has no name any more when it returns.
func makeImage(ctx context.Context, mkfs []string, dir string) (*os.File, error) {
	img, err := os.CreateTemp(dir, "txcommit-bench-*.img")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(img.Name()) }()
	if err := img.Truncate(imageSize); err != nil {
		return nil, errors.Join(err, img.Close())
	}
	cmd := exec.CommandContext(ctx, mkfs[0], append(mkfs[1:], img.Name())...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out), img.Close())
	}
	return img, nil
}

// attach makes a loop device of an image. It goes when its last user goes: the mount, or the handle. With direct I/O,
// where the file system of the image can: what is written is on its way to the real device, not in memory once more.
func attach(img *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(img.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO}}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == nil {
			return loop, nil
		}
		_ = loop.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody was quicker: take the next one
			return nil, err
		}
	}
}

// unmount falls back to taking the name away only: what still holds the file system then ends with its process.
func unmount(mnt string) error {
	if unix.Unmount(mnt, 0) == nil {
		return nil
	}
	return unix.Unmount(mnt, unix.MNT_DETACH)
}
