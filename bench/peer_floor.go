//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

func floorSystem() *system {
	return &system{
		name: "floor",
		files: "a stage folder for each folder; for each file, as many at once as there are processors: openat(O_CREAT), write, close; syncfs; " +
			"for each file: renameat2(RENAME_EXCHANGE); syncfs; what was replaced is deleted after the return",
		lacks: "as cp after a crash: there is no journal, nothing is looked at or compared; it is what the file system takes for the calls of library",
		open: func(_ context.Context, b *bench, root string) (target, error) {
			return &floorTarget{root: root, device: b.device}, nil
		},
	}
}

type floorTarget struct {
	root    string
	device  *device
	rounds  int
	removed chan error // nil if nothing is being deleted
}

func (t *floorTarget) prepare(ctx context.Context, in *input) error {
	_, err := in.makeFolders(ctx, t.root)
	return err
}

// floorFolder is a folder of the tree with that in which its new files are made.
type floorFolder struct{ tree, stage *os.File }

func (t *floorTarget) publish(ctx context.Context, in *input) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	t.rounds++
	stage := filepath.Join(t.root, ".floor"+strconv.Itoa(t.rounds))
	folders, err := t.folders(ctx, stage, in)
	defer func() {
		for _, f := range folders {
			_ = f.tree.Close()
			_ = f.stage.Close()
		}
	}()
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	err = in.each(ctx, func(name string, i int) error {
		g.Go(func() error { return folders[filepath.Dir(name)].create(filepath.Base(name), in, name, i) })
		return nil
	})
	if err = errors.Join(err, g.Wait()); err != nil {
		return err
	}
	if err := unix.Syncfs(int(t.device.fs.Fd())); err != nil {
		return err
	}
	err = in.each(ctx, func(name string, _ int) error {
		return folders[filepath.Dir(name)].exchange(filepath.Base(name))
	})
	if err == nil {
		err = unix.Syncfs(int(t.device.fs.Fd()))
	}
	t.removed = make(chan error, 1)
	go func() { t.removed <- os.RemoveAll(stage) }()
	return err
}

func (t *floorTarget) folders(ctx context.Context, stage string, in *input) (map[string]floorFolder, error) {
	folders := map[string]floorFolder{}
	return folders, in.each(ctx, func(name string, _ int) error {
		dir := filepath.Dir(name)
		if _, ok := folders[dir]; ok {
			return nil
		}
		at := filepath.Join(stage, strconv.Itoa(len(folders)))
		if err := os.MkdirAll(at, 0o700); err != nil {
			return err
		}
		tree, err := os.Open(filepath.Join(t.root, in.at, dir))
		if err != nil {
			return err
		}
		staged, err := os.Open(at)
		if err != nil {
			return errors.Join(err, tree.Close())
		}
		folders[dir] = floorFolder{tree, staged}
		return nil
	})
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
func (t *floorTarget) settle(context.Context) error {
	if t.removed == nil {
		return nil
	}
	err := <-t.removed
	t.removed = nil
	return err
}

func (t *floorTarget) close() error { return t.settle(context.Background()) }
