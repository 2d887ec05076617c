package main

import (
	"context"
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
			return a.commit(cmd.Context(), flags, m.ID, func(tx *txn.Tx) error { return tx.Apply(m, dir) })
		}),
	}
	flags.register(cmd.Flags())
	return cmd
}

// readManifest parses the manifest called name ("-" is standard input). Sources in it are relative to dir.
func (a *app) readManifest(ctx context.Context, name string) (m *manifest.Manifest, dir string, err error) {
	if name == "-" {
		m, err = parseManifest(ctx, "<stdin>", a.stdin)
		return m, ".", err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, "", at(atManifest, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	m, err = parseManifest(ctx, name, f)
	return m, filepath.Dir(name), err
}

// parseManifest reads through a pipe, so that a signal also ends a read that waits for a terminal or another program.
func parseManifest(ctx context.Context, name string, r io.Reader) (*manifest.Manifest, error) {
	pr, pw := io.Pipe()
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	defer stop()
	m, err := manifest.Parse(name, pr)
	pr.CloseWithError(io.ErrClosedPipe)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m, at(atManifest, err)
}
