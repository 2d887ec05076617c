//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/natefinch/atomic"
)

func natefinchSystem() *system {
	return &system{
		name:  "natefinch",
		files: "for each file: atomic.WriteFile(path, reader) of natefinch/atomic, which is fsync and rename; then fsync of each folder",
		lacks: "each file is atomic, the set is not; nothing to recover with",
		open: func(_ context.Context, _ *bench, root string) (target, error) {
			return natefinchTarget{root}, nil
		},
	}
}

type natefinchTarget struct{ root string }

func (t natefinchTarget) prepare(ctx context.Context, in *input) error {
	_, err := in.makeFolders(ctx, t.root)
	return err
}

func (t natefinchTarget) publish(ctx context.Context, in *input) error {
	folders := map[string]bool{}
	err := in.each(ctx, func(name string, i int) error {
		p := filepath.Join(t.root, in.at, name)
		folders[filepath.Dir(p)] = true
		r, err := in.open(name, i)
		if err != nil {
			return err
		}
		defer r.Close()
		return atomic.WriteFile(p, r)
	})
	for dir := range folders {
		if err == nil {
			err = syncFolder(dir)
		}
	}
	return err
}

func (natefinchTarget) close() error { return nil }

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func mutexSystem() *system {
	return &system{
		name:    "mutex+fsync",
		writers: "mu.Lock(); as natefinch: fsync of each file, rename, fsync of each folder; mu.Unlock()",
		lacks:   "each file is atomic, the set is not; nothing to recover with; other processes are not kept out",
		open: func(_ context.Context, _ *bench, root string) (target, error) {
			return &mutexTarget{natefinchTarget: natefinchTarget{root}}, nil
		},
	}
}

type mutexTarget struct {
	natefinchTarget
	mu sync.Mutex
}

func (t *mutexTarget) publish(ctx context.Context, in *input) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.natefinchTarget.publish(ctx, in)
}
