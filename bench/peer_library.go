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
		name:    "library",
		files:   "st.Update(ctx, f), f calls tx.WriteFile(path, data, 0o666) for each file (over 1 MiB: tx.Create, io.Copy, Close); st is open already",
		tree:    `st.Update(ctx, f), f calls tx.SyncTree("tree", NEW, txn.TreeOptions{}); st is open already`,
		writers: "as for files, of one st",
		lacks:   "nothing of atomic set, durable content and folders, recovery",
		open:    openLibrary(txn.Sync, txn.TreeOptions{}),
	}
}

func libraryQuickSystem() *system {
	return &system{
		name:  "library-quick",
		tree:  `as library, with txn.TreeOptions{Quick: true}`,
		lacks: "as library; but a file whose content was changed while its size and time stayed those of the source is taken for unchanged",
		open:  openLibrary(txn.Sync, txn.TreeOptions{Quick: true}),
	}
}

func libraryProcessSystem() *system {
	const call = "as library, opened with txn.Options{Durability: txn.Process}"
	return &system{
		name: "library-process", files: call, tree: call, writers: call,
		lacks: "nothing is promised after a power loss: what is written later is not counted here",
		open:  openLibrary(txn.Process, txn.TreeOptions{}),
	}
}

func openLibrary(level txn.Durability, opts txn.TreeOptions) func(context.Context, *bench, string) (target, error) {
	return func(ctx context.Context, _ *bench, root string) (target, error) {
		st, err := txn.Open(ctx, root, &txn.Options{Durability: level})
		return libraryTarget{st, opts}, err
	}
}

type libraryTarget struct {
	store *txn.Store
	opts  txn.TreeOptions
}

func (t libraryTarget) publish(ctx context.Context, in *input) error {
	return t.store.Update(ctx, func(tx *txn.Tx) error {
		if in.tree() {
			return tx.SyncTree(in.at, in.dir, t.opts)
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

// settle waits for what a commit has swapped out, which is deleted in the background after it has returned: the next commit
// waits for that, also one of nothing.
func (t libraryTarget) settle(ctx context.Context) error {
	return t.store.Update(ctx, func(*txn.Tx) error { return nil })
}

func (t libraryTarget) close() error { return t.store.Close() }
