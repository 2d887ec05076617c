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
		lacks: "nothing, as library; what it replaced is kept for undo (--history 1 is its default), and the time is that of the whole process",
		open:  openCommand(),
	}
}

func commandProcessSystem() *system {
	return &system{
		name:  "command-process",
		files: "as command, with --durability process",
		tree:  "as command, with --durability process",
		lacks: "as library-process; the time is that of the whole process",
		open:  openCommand("--durability", "process"),
	}
}

func openCommand(flags ...string) func(context.Context, *bench, string) (target, error) {
	return func(_ context.Context, b *bench, root string) (target, error) {
		return commandTarget{b.cli, root, flags}, nil
	}
}

type commandTarget struct {
	cli, root string
	flags     []string
}

func (t commandTarget) publish(ctx context.Context, in *input) error {
	if in.tree() {
		return command(ctx, t.cli, append([]string{"sync", "-q", "-C", t.root, in.dir, in.at}, t.flags...)...)
	}
	return command(ctx, t.cli, append([]string{"apply", "-q", "-C", t.root, in.manifest}, t.flags...)...)
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
	// Without cgo, as README installs it: that saves a process the dynamic loader.
	build := exec.CommandContext(ctx, "go", "build", "-C", strings.TrimSpace(string(out)), "-o", path, "./cmd/txcommit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, remove, nil
}
