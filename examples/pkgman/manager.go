package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"

	"github.com/txcommit/txcommit/txn"
)

// indexFile says which packages are installed.
const indexFile = "index.json"

// pkg is one package, in the index and in package.json of its tarball.
type pkg struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Bin     []string `json:"bin"`   // its programs, relative to its folder
	Needs   []string `json:"needs"` // names of other packages
	Check   string   `json:"check"` // a program in it that says whether it works; empty for none
}

type manager struct {
	store *txn.Store
	out   io.Writer
}

// install unpacks a package beside the tree, checks it there, and puts everything into place at once.
func (m *manager) install(ctx context.Context, tarball string) (err error) {
	stage, err := m.store.StageFor(ctx, "pkgs/new")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	p, err := unpack(tarball, stage.Dir())
	if err != nil {
		return fmt.Errorf("%s: %w", tarball, err)
	}
	if err := selfCheck(ctx, p, stage.Dir()); err != nil {
		return fmt.Errorf("%s: it does not work, nothing was installed: %w", p.Name, err)
	}
	err = m.update(ctx, func(tx *txn.Tx, index map[string]pkg) error {
		if err := unlink(tx, index[p.Name], p); err != nil {
			return err
		}
		index[p.Name] = p
		for _, bin := range p.Bin {
			if err := tx.Symlink("../pkgs/"+p.Name+"/"+bin, "bin/"+path.Base(bin)); err != nil {
				return err
			}
		}
		return tx.Publish("pkgs/"+p.Name, stage)
	})
	if err == nil {
		_, err = fmt.Fprintf(m.out, "installed %s %s\n", p.Name, p.Version)
	}
	return err
}

// selfCheck runs the package's own check, where it was unpacked.
func selfCheck(ctx context.Context, p pkg, dir string) error {
	if p.Check == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "./"+p.Check)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", p.Check, err, out)
	}
	return nil
}

// unlink takes the programs out of bin/ that a package has no more.
func unlink(tx *txn.Tx, old, now pkg) error {
	for _, bin := range old.Bin {
		kept := slices.ContainsFunc(now.Bin, func(b string) bool { return path.Base(b) == path.Base(bin) })
		if !kept {
			if err := tx.RemoveAll("bin/" + path.Base(bin)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *manager) remove(ctx context.Context, name string) error {
	return m.update(ctx, func(tx *txn.Tx, index map[string]pkg) error {
		old, ok := index[name]
		if !ok {
			return fmt.Errorf("%s: is not installed", name)
		}
		delete(index, name)
		if err := unlink(tx, old, pkg{}); err != nil {
			return err
		}
		return tx.RemoveAll("pkgs/" + name)
	})
}

func (m *manager) list(ctx context.Context) error {
	return m.store.View(ctx, func(tree fs.FS) error {
		index, _, err := readIndex(tree)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(index)) {
			if _, err := fmt.Fprintf(m.out, "%s %s\n", name, index[name].Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// update changes the index, and with it whatever else change puts into the transaction. If somebody else has changed the
// index since it was read, the commit is a conflict, and all begins anew.
func (m *manager) update(ctx context.Context, change func(*txn.Tx, map[string]pkg) error) error {
	for {
		err := m.store.Update(ctx, func(tx *txn.Tx) error {
			index, seen, err := readIndex(tx.FS())
			if err != nil {
				return err
			}
			if err := change(tx, index); err != nil {
				return err
			}
			b, err := json.MarshalIndent(index, "", "  ")
			if err != nil {
				return err
			}
			if err := tx.WriteFile(indexFile, append(b, '\n'), 0o644, seen); err != nil {
				return err
			}
			return verify(tx.FS())
		})
		if !errors.Is(err, txn.ErrConflict) {
			return err
		}
	}
}

// readIndex returns the index, and the condition that it is still the same.
func readIndex(tree fs.FS) (map[string]pkg, txn.Cond, error) {
	b, err := fs.ReadFile(tree, indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]pkg{}, txn.IfAbsent(), nil
	}
	index := map[string]pkg{}
	if err == nil {
		err = json.Unmarshal(b, &index)
	}
	return index, txn.IfSHA256(sha256.Sum256(b)), err
}

// verify looks at the tree as it will be: every package has what it needs, and every program is there and can be run.
// An error rolls everything back.
func verify(tree fs.FS) error {
	index, _, err := readIndex(tree)
	if err != nil {
		return err
	}
	for _, p := range index {
		for _, other := range p.Needs {
			if _, ok := index[other]; !ok {
				return fmt.Errorf("%s needs %s, which is not installed", p.Name, other)
			}
		}
		for _, bin := range p.Bin {
			i, err := fs.Stat(tree, "bin/"+path.Base(bin))
			if err == nil && (!i.Mode().IsRegular() || i.Mode()&0o111 == 0) {
				err = &fs.PathError{Op: "run", Path: bin, Err: os.ErrPermission}
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
	}
	return nil
}
