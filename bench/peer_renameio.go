//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

func renameioSystem() *system {
	return &system{
		name:  "renameio",
		files: "for each file: renameio.WriteFile(path, data, 0o666), which is fsync and rename (over 1 MiB: NewPendingFile, io.Copy, CloseAtomicallyReplace)",
		lacks: "each file is atomic, the set is not; the folder is not synced: after a power loss a file can be the old one",
		open: func(_ context.Context, _ *bench, root string) (target, error) {
			return renameioTarget{root}, nil
		},
	}
}

type renameioTarget struct{ root string }

func (t renameioTarget) publish(ctx context.Context, in *input) error {
	return in.each(ctx, func(name string, i int) error {
		p := filepath.Join(t.root, in.at, name)
		err := t.replace(p, in, name, i)
		if os.IsNotExist(err) { // its folder: in the first round only
			if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
				return err
			}
			err = t.replace(p, in, name, i)
		}
		return err
	})
}

func (renameioTarget) replace(path string, in *input, name string, i int) error {
	if in.data != nil {
		return renameio.WriteFile(path, in.data[i], 0o666)
	}
	f, err := renameio.NewPendingFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }()
	if err := in.copyTo(f, name, i); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

func (renameioTarget) close() error { return nil }
