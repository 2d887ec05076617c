//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	// slowEnv is set in the process that serves the FUSE file. It is a process of its own: a page fault in this one, whose
	// stores are mapped from the device, would wait for a server that the garbage collector has stopped.
	slowEnv   = "TXCOMMIT_BENCH_SLOW"
	slowFile  = "disk.img"
	slowFlush = 2 * time.Millisecond
)

// servedSlow does the work of that process: it serves its descriptor 3 until standard input ends. It says whether this
// process is one; then there is nothing else to do.
func servedSlow() bool {
	if os.Getenv(slowEnv) == "" {
		return false
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	if err := serveSlow(os.NewFile(3, slowFile), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

func serveSlow(img *os.File, mnt string) error {
	root := &slowRoot{img: img}
	_, err := fs.Mount(mnt, root, &fs.Options{MountOptions: fuse.MountOptions{
		FsName: "txcommit-bench", MaxWrite: 1 << 20, DirectMountStrict: true,
	}})
	if err != nil {
		return err
	}
	fmt.Println("serving")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// slowRoot is a folder with one file.
type slowRoot struct {
	fs.Inode
	img *os.File
}

func (r *slowRoot) OnAdd(ctx context.Context) {
	file := r.NewPersistentInode(ctx, &slowNode{img: r.img}, fs.StableAttr{Mode: syscall.S_IFREG})
	r.AddChild(slowFile, file, true)
}

// slowNode is a file that is another one, but for its flushes, which take slowFlush and do nothing.
type slowNode struct {
	fs.Inode
	img *os.File
}

func (n *slowNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	var st syscall.Stat_t
	err := syscall.Fstat(int(n.img.Fd()), &st)
	out.FromStat(&st)
	return fs.ToErrno(err)
}

// Setattr is asked for times only: the size of a device stays.
func (n *slowNode) Setattr(ctx context.Context, h fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return n.Getattr(ctx, h, out)
}

func (n *slowNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

func (n *slowNode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultFd(n.img.Fd(), off, len(dest)), 0
}

func (n *slowNode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	m, err := n.img.WriteAt(data, off)
	return uint32(m), fs.ToErrno(err)
}

func (n *slowNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	time.Sleep(slowFlush)
	return 0
}

// Allocate also punches holes: what the device discards.
func (n *slowNode) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	return fs.ToErrno(unix.Fallocate(int(n.img.Fd()), mode, int64(off), int64(size)))
}

var _ = []any{
	fs.NodeOnAdder(&slowRoot{}), fs.NodeGetattrer(&slowNode{}), fs.NodeSetattrer(&slowNode{}), fs.NodeOpener(&slowNode{}),
	fs.NodeReader(&slowNode{}), fs.NodeWriter(&slowNode{}), fs.NodeFsyncer(&slowNode{}), fs.NodeAllocater(&slowNode{}),
}
