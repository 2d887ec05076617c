//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

func floorSystem() *system {
	const files = "a stage folder for each folder; for each file, as many at once as there are processors: openat(O_CREAT), write, close; syncfs; " +
		"for each file: renameat2(RENAME_EXCHANGE); syncfs; what was replaced is deleted after the return"
	return &system{
		name:  "floor",
		files: files,
		tree: "where there is nothing: a folder, in which each file is made by copy_file_range; syncfs; renameat2; syncfs. Else each file and its source are " +
			"read and compared, as many at once as there are processors, and those that differ are published as files are",
		writers: files + "; one writer at a time syncs and renames, for all that wait",
		lacks:   "as cp after a crash: there is no journal, nothing is looked at, files are not compared; it is what the file system takes for the calls of library",
		open: func(_ context.Context, b *bench, root string) (target, error) {
			return &floorTarget{root: root, device: b.device, turn: make(chan struct{}, 1)}, nil
		},
	}
}

type floorTarget struct {
	root    string
	device  *device
	stages  atomic.Int64
	removed errgroup.Group // what was replaced is being deleted

	turn    chan struct{} // full while somebody syncs and renames
	mu      sync.Mutex    // of waiting
	waiting []*floorCommit
}

// floorCommit is what one call publishes.
type floorCommit struct {
	stage   string
	whole   string // a folder that is renamed as it is; empty for files
	at      string
	folders map[string]floorFolder
	names   []string
	done    chan error
}

// floorFolder is a folder of the tree with that in which its new files are made.
type floorFolder struct{ tree, stage *os.File }

func (t *floorTarget) prepare(ctx context.Context, in *input) error {
	if in.tree() {
		return nil // it comes as a whole
	}
	_, err := in.makeFolders(ctx, t.root)
	return err
}

func (t *floorTarget) publish(ctx context.Context, in *input) error {
	c := &floorCommit{
		stage: filepath.Join(t.root, ".floor"+strconv.FormatInt(t.stages.Add(1), 10)), at: filepath.Join(t.root, in.at),
		folders: map[string]floorFolder{}, done: make(chan error, 1),
	}
	defer c.close()
	defer func() { t.removed.Go(func() error { return os.RemoveAll(c.stage) }) }()
	switch same, err := c.fill(ctx, in); {
	case err != nil || same:
		return err
	}
	t.mu.Lock()
	t.waiting = append(t.waiting, c)
	t.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case t.turn <- struct{}{}:
	}
	defer func() { <-t.turn }()
	t.mu.Lock()
	all := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	err := t.apply(all)
	for _, one := range all {
		one.done <- err
	}
	return <-c.done
}

func (t *floorTarget) apply(all []*floorCommit) error {
	if err := unix.Syncfs(int(t.device.fs.Fd())); err != nil {
		return err
	}
	for _, c := range all {
		if c.whole != "" {
			if err := os.Rename(c.whole, c.at); err != nil {
				return err
			}
		}
		for _, name := range c.names {
			if err := c.folders[filepath.Dir(name)].exchange(filepath.Base(name)); err != nil {
				return err
			}
		}
	}
	return unix.Syncfs(int(t.device.fs.Fd()))
}

// fill makes what is to be published. It says that there is nothing.
func (c *floorCommit) fill(ctx context.Context, in *input) (same bool, err error) {
	names := in.files
	if in.tree() {
		if _, err := os.Lstat(c.at); errors.Is(err, os.ErrNotExist) {
			return false, c.copyTree(in)
		}
		if names, err = c.changed(in); err != nil || len(names) == 0 {
			return true, err
		}
	}
	c.names = names
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, name := range names {
		f, err := c.folder(filepath.Dir(name))
		if err != nil {
			return false, errors.Join(err, g.Wait())
		}
		g.Go(func() error { return f.create(filepath.Base(name), in, name, i) })
	}
	return false, errors.Join(g.Wait(), ctx.Err())
}

// copyTree makes a whole new folder.
func (c *floorCommit) copyTree(in *input) error {
	names, err := regularFiles(in.dir)
	if err != nil {
		return err
	}
	c.whole = filepath.Join(c.stage, "whole")
	made := map[string]bool{}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for _, name := range names {
		if dir := filepath.Join(c.whole, filepath.Dir(name)); !made[dir] {
			made[dir] = true
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return errors.Join(err, g.Wait())
			}
		}
		g.Go(func() error {
			f, err := os.OpenFile(filepath.Join(c.whole, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if err != nil {
				return err
			}
			return errors.Join(in.copyTo(f, name, 0), f.Close())
		})
	}
	return g.Wait()
}

// changed compares all files with their sources.
func (c *floorCommit) changed(in *input) ([]string, error) {
	all, err := regularFiles(in.dir)
	if err != nil {
		return nil, err
	}
	differ := make([]bool, len(all))
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	for i, name := range all {
		g.Go(func() error {
			equal, err := equalFiles(filepath.Join(in.dir, name), filepath.Join(c.at, name))
			differ[i] = !equal
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var names []string
	for i, name := range all {
		if differ[i] {
			names = append(names, name)
		}
	}
	return names, nil
}

// twoBuffers are for a comparison: to make them anew for each file would take longer than to read it.
var twoBuffers = sync.Pool{New: func() any { return new([2][128 << 10]byte) }}

// equalFiles compares two files with as few system calls as that takes.
func equalFiles(a, b string) (bool, error) {
	var fds [2]int
	for i, name := range [2]string{a, b} {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return false, &os.PathError{Op: "open", Path: name, Err: err}
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	buffers := twoBuffers.Get().(*[2][128 << 10]byte)
	defer twoBuffers.Put(buffers)
	for {
		var n [2]int
		for i := range fds {
			var err error
			if n[i], err = unix.Read(fds[i], buffers[i][:]); err != nil {
				return false, os.NewSyscallError("read", err)
			}
		}
		if n[0] != n[1] || !bytes.Equal(buffers[0][:n[0]], buffers[1][:n[1]]) {
			return false, nil
		}
		if n[0] < len(buffers[0]) {
			return true, nil
		}
	}
}

func (c *floorCommit) folder(dir string) (floorFolder, error) {
	if f, ok := c.folders[dir]; ok {
		return f, nil
	}
	at := filepath.Join(c.stage, strconv.Itoa(len(c.folders)))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return floorFolder{}, err
	}
	tree, err := os.Open(filepath.Join(c.at, dir))
	if err != nil {
		return floorFolder{}, err
	}
	staged, err := os.Open(at)
	if err != nil {
		return floorFolder{}, errors.Join(err, tree.Close())
	}
	c.folders[dir] = floorFolder{tree, staged}
	return c.folders[dir], nil
}

func (c *floorCommit) close() {
	for _, f := range c.folders {
		_ = f.tree.Close()
		_ = f.stage.Close()
	}
}

func (f floorFolder) create(base string, in *input, name string, i int) error {
	fd, err := unix.Openat(int(f.stage.Fd()), base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), name)
	return errors.Join(in.copyTo(file, name, i), file.Close())
}

func (f floorFolder) exchange(base string) error {
	stage, tree := int(f.stage.Fd()), int(f.tree.Fd())
	err := unix.Renameat2(stage, base, tree, base, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) { // the first round
		err = unix.Renameat2(stage, base, tree, base, unix.RENAME_NOREPLACE)
	}
	return err
}

// settle waits until what was replaced is deleted.
func (t *floorTarget) settle(context.Context) error { return t.removed.Wait() }

func (t *floorTarget) close() error { return t.settle(context.Background()) }
