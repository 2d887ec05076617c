package txn_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// exampleRoot makes a folder with a package.json and its lockfile.
func exampleRoot() (root string, remove func()) {
	root, err := os.MkdirTemp("", "txn-example-")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("1.4.0\n"), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	return root, func() { _ = os.RemoveAll(root) }
}

func show(root string, names ...string) {
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", name, b)
	}
}

// Two files that belong together change together, and only if the first is still what the new content was made from.
func ExampleStore_Update() {
	ctx := context.Background()
	root, remove := exampleRoot()
	defer remove()
	seen := sha256.Sum256([]byte("1.4.0\n"))

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	err = st.Update(ctx, func(tx *txn.Tx) error {
		if err := tx.WriteFile("package.json", []byte("1.5.0\n"), 0o644, txn.IfSHA256(seen)); err != nil {
			return err
		}
		return tx.WriteFile("package-lock.json", []byte("1.5.0\n"), 0o644)
	})
	if err != nil {
		log.Fatal(err)
	}

	show(root, "package.json", "package-lock.json")
	// Output:
	// package.json: 1.5.0
	// package-lock.json: 1.5.0
}

// A condition that does not hold any more leaves everything as it was.
func ExampleStore_Update_conflict() {
	ctx := context.Background()
	root, remove := exampleRoot()
	defer remove()

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	err = st.Update(ctx, func(tx *txn.Tx) error {
		if err := tx.WriteFile("package.json", []byte("1.5.0\n"), 0o644); err != nil {
			return err
		}
		return tx.WriteFile("package-lock.json", []byte("1.5.0\n"), 0o644, txn.IfAbsent())
	})

	fmt.Println(errors.Is(err, txn.ErrConflict))
	show(root, "package.json")
	// Output:
	// true
	// package.json: 1.4.0
}

// A view sees all of a transaction or none of it.
func ExampleStore_View() {
	ctx := context.Background()
	root, remove := exampleRoot()
	defer remove()

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	err = st.View(ctx, func(fsys fs.FS) error {
		mod, err := fs.ReadFile(fsys, "package.json")
		if err != nil {
			return err
		}
		lock, err := fs.ReadFile(fsys, "package-lock.json")
		fmt.Println(string(mod) == string(lock))
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: true
}

// Create streams content of any size; both names of a rename mean the tree before the transaction.
func ExampleTx_Create() {
	ctx := context.Background()
	root, remove := exampleRoot()
	defer remove()

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	err = st.Update(ctx, func(tx *txn.Tx) error {
		if err := tx.Rename("package.json", "package.json.bak"); err != nil {
			return err
		}
		w, err := tx.Create("package.json", 0o644)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, strings.NewReader("1.5.0\n")); err != nil {
			return err
		}
		return w.Close()
	})
	if err != nil {
		log.Fatal(err)
	}

	show(root, "package.json", "package.json.bak")
	// Output:
	// package.json: 1.5.0
	// package.json.bak: 1.4.0
}

// A manifest says the same as a Go program; Plan tells what Commit would do.
func ExampleTx_Apply() {
	ctx := context.Background()
	root, remove := exampleRoot()
	defer remove()
	m, err := manifest.Parse("release.json", strings.NewReader(`{"version": 1, "ops": [
		{"op": "write", "path": "package.json", "content": "1.5.0\n"},
		{"op": "remove", "path": "package-lock.json"},
		{"op": "write", "path": "CHANGES", "content": "faster\n"}]}`))
	if err != nil {
		log.Fatal(err)
	}

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	tx, err := st.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback() // a no-op after Commit
	if err := tx.Apply(m, root); err != nil {
		log.Fatal(err)
	}
	plan, err := tx.Plan(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range plan.Changes {
		fmt.Printf("%c %s\n", c.Symbol, c.Path)
	}
	res, err := tx.Commit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Created, res.Changed, res.Removed)
	// Output:
	// + CHANGES
	// - package-lock.json
	// ~ package.json
	// 1 1 1
}
