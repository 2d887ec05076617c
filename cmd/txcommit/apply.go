package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

func (a *app) applyCommand() *cobra.Command {
	flags := &commitFlags{}
	cmd := &cobra.Command{
		Use:   "apply MANIFEST|-",
		Short: "Commit the changes that a manifest lists",
		Long: `Commit the changes that a manifest lists: all of them or none.

MANIFEST is a JSON file; - reads it from standard input. Sources in it are relative
to the manifest's folder, for - to the working directory; all other paths are
relative to the root. If a crash has left something unfinished, that is ended first.`,
		Example: `  txcommit apply release.json
  txcommit apply --dry-run release.json
  generate | txcommit apply -C /srv/site -o json -`,
		Args: exactly("MANIFEST"),
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			m, dir, err := a.readManifest(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			a.manifest = m
			return a.commit(cmd.Context(), flags, m.ID, func(tx *txn.Tx) error { return leaveOut(tx.Apply(m, dir)) })
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

// leaveOut puts a hint to the error of an op that this version does not know; the file system is not at fault.
func leaveOut(err error) error {
	if errors.Is(err, txn.ErrUnsupported) {
		return &fault{hint: "leave out what is not supported", err: err}
	}
	return err
}

// readManifest parses the manifest called name ("-" is standard input). Sources in it are relative to dir.
func (a *app) readManifest(ctx context.Context, name string) (m *manifest.Manifest, dir string, err error) {
	if name == "-" {
		m, err = parseManifest(ctx, "<stdin>", func() (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil })
		return m, ".", err
	}
	m, err = parseManifest(ctx, name, func() (io.ReadCloser, error) { return os.Open(name) })
	return m, filepath.Dir(name), err
}

// parseManifest reads through a pipe, so that a signal also ends an open or a read that waits for a terminal or another
// program.
func parseManifest(ctx context.Context, name string, open func() (io.ReadCloser, error)) (*manifest.Manifest, error) {
	pr, pw := io.Pipe()
	opened := make(chan error, 1)
	go func() {
		r, err := open()
		opened <- err
		if err != nil {
			return
		}
		defer func() { _ = r.Close() }() // nothing was written
		_, err = io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	select {
	case err := <-opened:
		if err != nil {
			return nil, at(atManifest, err)
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	defer stop()
	m, err := manifest.Parse(name, pr)
	pr.CloseWithError(io.ErrClosedPipe)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m, at(atManifest, err)
}
