//go:build linux

package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/txcommit/txcommit/txn"
)

func librarySystem() *system {
	return &system{
		name:  "library",
		files: "st.Update(ctx, f), f calls tx.WriteFile(path, data, 0o666) for each file (over 1 MiB: tx.Create, io.Copy, Close); st is open already",
		tree:  `st.Update(ctx, f), f calls tx.SyncTree("tree", NEW, txn.TreeOptions{}); st is open already`,
		lacks: "nothing of atomic set, durable content and folders, recovery",
		open:  openLibrary(txn.Sync),
	}
}

func libraryProcessSystem() *system {
	return &system{
		name:  "library-process",
		files: "as library, opened with txn.Options{Durability: txn.Process}",
		tree:  "as library, opened with txn.Options{Durability: txn.Process}",
		lacks: "nothing is promised after a power loss: what is written later is not counted here",
		open:  openLibrary(txn.Process),
	}
}

func openLibrary(level txn.Durability) func(context.Context, *bench, string) (target, error) {
	return func(ctx context.Context, _ *bench, root string) (target, error) {
		st, err := txn.Open(ctx, root, &txn.Options{Durability: level})
		return libraryTarget{st}, err
	}
}

type libraryTarget struct{ store *txn.Store }

func (t libraryTarget) publish(ctx context.Context, in *input) error {
	return t.store.Update(ctx, func(tx *txn.Tx) error {
		if in.tree() {
			return tx.SyncTree(in.at, in.dir, txn.TreeOptions{})
		}
		return in.each(ctx, func(name string, i int) error {
			p := filepath.ToSlash(filepath.Join(in.at, name))
			if in.data != nil {
				return tx.WriteFile(p, in.data[i], 0o666)
			}
			return stream(tx, p, in, name, i)
		})
	})
}

func stream(tx *txn.Tx, path string, in *input, name string, i int) error {
	w, err := tx.Create(path, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(in.copyTo(w, name, i), w.Close())
}

func (t libraryTarget) close() error { return t.store.Close() }
