package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

func (a *app) applyCommand() *cobra.Command {
	flags, from := &commitFlags{}, &inputFlags{}
	cmd := &cobra.Command{
		Use:   "apply MANIFEST|-",
		Short: "Commit the changes that a manifest, an archive or a patch makes",
		Long: `Commit the changes that a manifest lists: all of them or none. An archive (--tar) or a
patch (--patch) can stand in its place.

MANIFEST is a JSON file; - reads it from standard input. Sources in it are relative
to the manifest's folder, for - to the working directory; all other paths are
relative to the root. It may also be JSON Lines: {"version": 1, "stream": true} first,
then one op a line.

` + inputHelp + `

If a crash has left something unfinished, that is ended first.`,
		Example: `  txcommit apply release.json
  txcommit apply --dry-run release.json
  generate | txcommit apply -C /srv/site -o json -
  txcommit apply --tar app-1.5.0.tar.gz --strip 1 --prefix app
  git diff main | txcommit apply --patch -`,
		Args: from.args,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			return a.commitInput(cmd.Context(), flags, from, args)
		}),
	}
	flags.register(cmd.Flags())
	from.register(cmd.Flags())
	return cmd
}

// saveMemory lets the heap of a large transaction grow by less than half before it is collected, and that of a very large
// one by a tenth: it is the most that is there at once, and not the garbage, that should decide what memory it takes. GOGC
// has the last word.
func saveMemory(ops int) {
	switch {
	case os.Getenv("GOGC") != "":
	case ops > 500_000:
		debug.SetGCPercent(10)
	case ops > 50_000:
		debug.SetGCPercent(40)
	}
}

// readManifest parses the manifest called name ("-" is standard input). Its ops, which may be very many, are apart.
func (a *app) readManifest(ctx context.Context, name string) (m *manifest.Manifest, ops *txn.Ops, err error) {
	dir, said := filepath.Dir(name), name
	if name == "-" {
		dir, said = ".", "<stdin>"
	}
	var wrong error // the text has the first word
	positions := manifest.NewPositions(said)
	ops = &txn.Ops{}
	m, err = parseManifest(ctx, said, a.opener(name), func(o manifest.Op) {
		positions.Add(&o)
		if wrong == nil {
			wrong = ops.Add(o, dir)
		}
	})
	a.manifest = positions
	if err == nil {
		err = wrong
	}
	return m, ops, err
}

// opener returns what opens the file called name; "-" is standard input.
func (a *app) opener(name string) func() (io.ReadCloser, error) {
	if name == "-" {
		return func() (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil }
	}
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

// parseManifest parses what open opens, and hands out its ops.
func parseManifest(
	ctx context.Context, name string, open func() (io.ReadCloser, error), take func(manifest.Op),
) (*manifest.Manifest, error) {
	r, err := piped(ctx, open)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Read(name, r, take)
	_ = r.Close() // nothing was written
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m, at(atManifest, err)
}

// piped reads what open opens through a pipe, so that a signal also ends an open or a read that waits for a terminal or
// another program.
func piped(ctx context.Context, open func() (io.ReadCloser, error)) (*io.PipeReader, error) {
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
		pw.CloseWithError(at(atManifest, err))
	}()
	select {
	case err := <-opened:
		if err != nil {
			return nil, at(atManifest, err)
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	return pr, nil
}
