//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func copySystem() *system {
	return &system{
		name:  "cp",
		files: "cp -rT NEW ROOT && sync -f ROOT",
		tree:  "cp -rT NEW ROOT/tree && sync -f ROOT",
		lacks: "not even a file is atomic: a crash, an error or a reader finds files empty, half written or old; nothing to recover with",
		open: func(_ context.Context, _ *bench, root string) (target, error) {
			return copyTarget{root}, nil
		},
	}
}

type copyTarget struct{ root string }

func (t copyTarget) publish(ctx context.Context, in *input) error {
	if err := command(ctx, "cp", "-rT", in.dir, filepath.Join(t.root, in.at)); err != nil {
		return err
	}
	return command(ctx, "sync", "-f", t.root)
}

func (copyTarget) close() error { return nil }

func overwriteSystem() *system {
	return &system{
		name:  "overwrite",
		files: "for each file: open(O_WRONLY|O_CREAT), write, ftruncate; then one syncfs",
		tree:  "for each file: open(O_WRONLY|O_CREAT), copy, ftruncate; then one syncfs",
		lacks: "as cp; blocks of old and new content can be mixed in one file",
		open: func(_ context.Context, b *bench, root string) (target, error) {
			return overwriteTarget{root, b.device}, nil
		},
	}
}

type overwriteTarget struct {
	root   string
	device *device
}

func (t overwriteTarget) publish(ctx context.Context, in *input) error {
	made := map[string]bool{}
	err := in.each(ctx, func(name string, i int) error {
		p := filepath.Join(t.root, in.at, name)
		if dir := filepath.Dir(p); !made[dir] {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			made[dir] = true
		}
		return overwrite(p, func(f *os.File) error { return in.copyTo(f, name, i) })
	})
	if err != nil {
		return err
	}
	return unix.Syncfs(int(t.device.fs.Fd()))
}

func (overwriteTarget) close() error { return nil }

func overwrite(path string, fill func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := fill(f); err != nil {
		return err
	}
	end, err := f.Seek(0, 1)
	if err != nil {
		return err
	}
	return f.Truncate(end)
}
