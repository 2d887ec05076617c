package txn_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/jsondoc"
)

// A package manager bumps a dependency in two files, which keep their layout, and change together or not at all. Were one
// of them edited meanwhile, the commit would be ErrConflict.
func ExampleTx_UpdateJSON() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "txn-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	for name, text := range map[string]string{
		"package.json":      "{\n  \"name\": \"shop\",\n  \"dependencies\": {\"left-pad\": \"^1.0.0\"}\n}\n",
		"package-lock.json": "{\n\t\"packages\": {\n\t\t\"node_modules/left-pad\": {\n\t\t\t\"version\": \"1.0.0\"\n\t\t}\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}

	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	err = st.Update(ctx, func(tx *txn.Tx) error {
		err := tx.UpdateJSON("package.json", func(d *jsondoc.Doc) error {
			return d.Set("^1.3.0", "dependencies", "left-pad")
		}, txn.JSONOptions{})
		if err != nil {
			return err
		}
		return tx.UpdateJSON("package-lock.json", func(d *jsondoc.Doc) error {
			return d.Set("1.3.0", "packages", "node_modules/left-pad", "version")
		}, txn.JSONOptions{})
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s", text)
	}
	// Output:
	// {
	//   "name": "shop",
	//   "dependencies": {"left-pad": "^1.3.0"}
	// }
	// {
	// 	"packages": {
	// 		"node_modules/left-pad": {
	// 			"version": "1.3.0"
	// 		}
	// 	}
	// }
}
