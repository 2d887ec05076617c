//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
)

func tarSystem() *system {
	return &system{
		name:  "tar",
		files: "tar -x -f NEW.tar -C ROOT && sync -f ROOT; NEW.tar is there already",
		tree:  "tar -x -f NEW.tar -C ROOT/tree && sync -f ROOT; NEW.tar is there already",
		lacks: "each file is deleted and written anew: a crash, an error or a reader finds it missing, empty or half written; nothing to recover with",
		open: func(_ context.Context, _ *bench, root string) (target, error) {
			return tarTarget{root}, nil
		},
	}
}

type tarTarget struct{ root string }

// prepare packs the new content.
func (t tarTarget) prepare(ctx context.Context, in *input) error {
	if err := os.MkdirAll(filepath.Join(t.root, in.at), 0o777); err != nil {
		return err
	}
	return command(ctx, "tar", "-c", "-f", in.dir+".tar", "-C", in.dir, ".")
}

func (t tarTarget) publish(ctx context.Context, in *input) error {
	if err := command(ctx, "tar", "-x", "-f", in.dir+".tar", "-C", filepath.Join(t.root, in.at)); err != nil {
		return err
	}
	return command(ctx, "sync", "-f", t.root)
}

func (tarTarget) close() error { return nil }
