package main

import (
	"context"
	"io"
	"os"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// patchInput is the diff of --patch. It is applied to what the files hold when the ops are added, and each op expects
// that they still do when it is committed.
func (a *app) patchInput(ctx context.Context, flags *inputFlags) (input, error) {
	r, err := piped(ctx, a.opener(flags.patch))
	if err != nil {
		return input{}, err
	}
	text, err := io.ReadAll(r)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return input{}, err
	}
	diff, err := parsePatch(string(text), flags.strip)
	if err != nil {
		return input{}, at(atManifest, err)
	}
	return input{add: func(tx *txn.Tx) error {
		root, err := os.OpenRoot(a.flags.root)
		if err != nil {
			return a.opened(err)
		}
		defer func() { _ = root.Close() }() // nothing was written
		p := &patch{root: root, prefix: flags.prefix}
		if err := p.apply(diff); err != nil {
			return err
		}
		return tx.Apply(&manifest.Manifest{Ops: p.ops}, "")
	}}, nil
}
