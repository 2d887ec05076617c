//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// system is a way to bring new content into a folder.
type system struct {
	name string
	// files, tree and writers are the exact command or call for each kind of input: files, a tree, and files by many
	// writers at once. An empty one: it cannot.
	files, tree, writers string
	// lacks is what it does not promise.
	lacks string
	small bool // it cannot take a file of 1 GiB
	// install brings what the system needs into a folder that is gone after the run; it is asked before all others.
	install func(ctx context.Context, dir string) error
	open    func(ctx context.Context, b *bench, root string) (target, error)
}

func (s *system) id() string { return s.name }

// can says whether the system can be compared with an input.
func (s *system) can(in *input) bool {
	switch {
	case in.tree():
		return s.tree != ""
	case len(in.lanes) > 1:
		return s.writers != ""
	}
	return s.files != "" && !(in.large && s.small)
}

// target is a system with the folder that it works on. A system for many writers publishes for several at once.
type target interface {
	publish(ctx context.Context, in *input) error
	close() error
}

// What a target can have besides.
type (
	// preparer makes ready what publish shall find ready, off the clock.
	preparer interface {
		prepare(ctx context.Context, in *input) error
	}
	// settler has work left when publish returns. settle waits until it is done.
	settler interface {
		settle(ctx context.Context) error
	}
	// outsider works in a process that goes on, and knows how much of the processors that has used so far.
	outsider interface{ used() time.Duration }
	// keeper keeps files elsewhere than in files.
	keeper interface {
		get(name string) (io.ReadCloser, error)
	}
)

func prepare(ctx context.Context, t target, in *input) error {
	p, ok := t.(preparer)
	if !ok {
		return nil
	}
	for _, one := range in.commits() {
		if err := p.prepare(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func used(t target) time.Duration {
	if o, ok := t.(outsider); ok {
		return o.used()
	}
	return 0
}

func openerOf(t target, root string) opener {
	if k, ok := t.(keeper); ok {
		return k.get
	}
	return below(root)
}

// systems lists all that are compared, in the order in which they run. The first that takes part in a workload is the
// baseline of its ratios.
func systems() []*system {
	return []*system{
		copySystem(), overwriteSystem(), tarSystem(),
		mutexSystem(), renameioSystem(), natefinchSystem(), writeFileAtomicSystem(), atomicallySystem(), sqliteSystem(),
		floorSystem(),
		librarySystem(), libraryQuickSystem(), libraryProcessSystem(), commandSystem(), commandProcessSystem(),
	}
}

// command runs a command; its output is told only when it fails.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), errors.Join(ctx.Err(), err), out)
	}
	return nil
}

// each calls f with every file of an input: its name relative to the target folder, and its content.
func (in *input) each(ctx context.Context, f func(name string, i int) error) error {
	names := in.files
	if in.tree() {
		var err error
		if names, err = regularFiles(in.dir); err != nil {
			return err
		}
	}
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(name, i); err != nil {
			return err
		}
	}
	return nil
}

// open opens the content of file i, which is called name.
func (in *input) open(name string, i int) (io.ReadCloser, error) {
	if in.data != nil {
		return io.NopCloser(bytes.NewReader(in.data[i])), nil
	}
	return os.Open(filepath.Join(in.dir, name))
}

// makeFolders makes the folders in root that the files of an input come into, and lists them.
func (in *input) makeFolders(ctx context.Context, root string) ([]string, error) {
	var dirs []string
	err := in.each(ctx, func(name string, _ int) error {
		dir := filepath.Join(root, in.at, filepath.Dir(name))
		if slices.Contains(dirs, dir) {
			return nil
		}
		dirs = append(dirs, dir)
		return os.MkdirAll(dir, 0o777)
	})
	return dirs, err
}

// copyTo writes the content of file i, which is called name.
func (in *input) copyTo(w io.Writer, name string, i int) error {
	if in.data != nil {
		_, err := w.Write(in.data[i])
		return err
	}
	f, err := in.open(name, i)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func regularFiles(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, rel)
		return err
	})
	return out, err
}
