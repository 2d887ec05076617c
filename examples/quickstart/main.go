// Command quickstart shows what txcommit does, on a copy of the example trees: it moves a package.json, its lockfile
// and a folder of built pages from one release to the next, all of it or nothing.
//
//	go run ./examples/quickstart
//
// It works in a temporary folder of its own, which is gone when it ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/txcommit/txcommit/examples"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "txcommit-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, examples.Files); err != nil {
		return err
	}
	st, err := txn.Open(ctx, filepath.Join(dir, "project"), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return show(ctx, st, dir, out)
}

// show applies the manifest in dir to the store twice; the second time its expectations do not hold any more.
func show(ctx context.Context, st *txn.Store, dir string, out io.Writer) error {
	s := sheet{out: out}
	s.print("Before:\n")
	if err := s.tree(ctx, st); err != nil {
		return err
	}
	s.print("\nApplying examples/manifest.json:\n")
	res, err := apply(ctx, st, filepath.Join(dir, "manifest.json"), &s)
	if err != nil {
		return err
	}
	s.print("committed: %d created, %d changed, %d removed, %d unchanged\n\nAfter:\n",
		res.Created, res.Changed, res.Removed, res.Unchanged)
	if err := s.tree(ctx, st); err != nil {
		return err
	}
	s.print("\nApplying it again, though package.json is not what the manifest expects any more:\n")
	_, err = apply(ctx, st, filepath.Join(dir, "manifest.json"), &s)
	if !errors.Is(err, txn.ErrConflict) {
		return fmt.Errorf("second apply: %w, want a conflict", err)
	}
	s.print("conflict: %v\nNothing was changed.\n", err)
	return s.err
}

// apply commits the manifest called name, and shows its plan first.
func apply(ctx context.Context, st *txn.Store, name string, s *sheet) (*txn.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(name, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	tx, err := st.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // a no-op after Commit
	if err := tx.Apply(m, filepath.Dir(name)); err != nil {
		return nil, err
	}
	plan, err := tx.Plan(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range plan.Changes {
		if c.Symbol != '=' {
			s.print("  %c %s\n", c.Symbol, c.Path)
		}
	}
	return tx.Commit(ctx)
}

// sheet prints, and keeps the first error.
type sheet struct {
	out io.Writer
	err error
}

func (s *sheet) print(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.out, format, args...)
	}
}

// tree prints each file with its content, as no transaction can be half visible.
func (s *sheet) tree(ctx context.Context, st *txn.Store) error {
	return st.View(ctx, func(fsys fs.FS) error {
		return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(fsys, path)
			if err == nil {
				s.print("  %-22s %s\n", path, gist(string(b)))
			}
			return err
		})
	})
}

// gist is the first line of text with a number in it: in these files, the one that a release changes.
func gist(text string) string {
	for line := range strings.Lines(text) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
