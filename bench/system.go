//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// system is a way to bring new content into a folder.
type system struct {
	name string
	// files and tree are the exact command or call for each of the two kinds of input; an empty one: it cannot.
	files, tree string
	// lacks is what it does not promise.
	lacks string
	open  func(ctx context.Context, b *bench, root string) (target, error)
}

func (s *system) id() string { return s.name }

// can says whether the system can be compared with an input.
func (s *system) can(in *input) bool {
	if in.tree() {
		return s.tree != ""
	}
	return s.files != ""
}

// target is a system with the folder that it works on.
type target interface {
	publish(ctx context.Context, in *input) error
	close() error
}

// systems lists all that are compared. The first one is the baseline of the ratios.
func systems() []*system {
	return []*system{
		copySystem(), overwriteSystem(), renameioSystem(),
		librarySystem(), libraryProcessSystem(), commandSystem(),
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

// copyTo writes the content of file i, which is called name.
func (in *input) copyTo(w io.Writer, name string, i int) error {
	if in.data != nil {
		_, err := w.Write(in.data[i])
		return err
	}
	f, err := os.Open(filepath.Join(in.dir, name))
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
