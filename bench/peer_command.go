//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func commandSystem() *system {
	return &system{
		name:  "command",
		files: "txcommit apply -C ROOT MANIFEST, with one write op with a source for each file",
		tree:  "txcommit sync -C ROOT NEW tree",
		lacks: "nothing, as library; the time is that of the whole process",
		open: func(_ context.Context, b *bench, root string) (target, error) {
			return commandTarget{b.cli, root}, nil
		},
	}
}

type commandTarget struct{ cli, root string }

func (t commandTarget) publish(ctx context.Context, in *input) error {
	if in.tree() {
		return command(ctx, t.cli, "sync", "-q", "-C", t.root, in.dir, in.at)
	}
	return command(ctx, t.cli, "apply", "-q", "-C", t.root, in.manifest)
}

func (commandTarget) close() error { return nil }

// buildCLI builds the command from the source that this module is built with.
func buildCLI(ctx context.Context) (path string, remove func(), err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/txcommit/txcommit").Output()
	if err != nil {
		return "", nil, fmt.Errorf("go list (the bench is started in its own folder): %w", err)
	}
	dir, err := os.MkdirTemp("", "txcommit-bench-bin-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "txcommit")
	if err := command(ctx, "go", "build", "-C", strings.TrimSpace(string(out)), "-o", path, "./cmd/txcommit"); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}
