//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// slowName is the device whose flushes take their time.
const slowName = "slow"

// slowWorks says, by an error that is errNeeds, what is missing for the slow device.
func slowWorks() error {
	if err := imagesWork("ext4"); err != nil {
		return err
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w /dev/fuse", errNeeds)
	}
	return nil
}

// onSlow runs f on a fresh ext4 whose device takes slowFlush for each flush: a loop device over a file of a FUSE file
// system, as which a process of ours shows the image.
func onSlow(ctx context.Context, dir string, f func(*device) error) (err error) {
	if err := slowWorks(); err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	img, err := makeImage(ctx, images["ext4"], dir)
	if err != nil {
		return err
	}
	defer img.Close()
	mnt, err := os.MkdirTemp(dir, "txcommit-bench-slow-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(mnt) }()
	file, stop, err := startSlow(img, mnt)
	if err != nil {
		return fmt.Errorf("serve %s: %w", mnt, err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	return onFile(slowName, "ext4", file, dir, func(d *device) error {
		d.About += fmt.Sprintf(", below it a FUSE file: a flush takes %v, and nothing else is slower than the disk of %s", slowFlush, dir)
		return f(d)
	})
}

// startSlow starts the process that shows img as a file in mnt, and opens that. It ends with stop, and whenever this
// process ends. It is not told of ^C: what is mounted above it can be unmounted only while it serves.
//
// It has a mount namespace of its own. Were it the last in that of the ext4, its end would unmount that while nobody
// serves, and wait forever; nor would anybody's losetup -a return.
func startSlow(img *os.File, mnt string) (file *os.File, stop func() error, err error) {
	cmd := exec.Command("/proc/self/exe", mnt)
	cmd.Env = append(os.Environ(), slowEnv+"=1")
	cmd.ExtraFiles = []*os.File{img}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() error {
		if file != nil {
			_ = file.Close()
		}
		_ = in.Close() // which it takes as its end
		return cmd.Wait()
	}
	if _, err = bufio.NewReader(out).ReadString('\n'); err == nil {
		file, err = os.OpenFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "root", mnt, slowFile), os.O_RDWR, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return file, stop, nil
}
