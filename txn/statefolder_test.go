//go:build unix

package txn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// entrances are the ways into a store that look at its state folder.
var entrances = map[string]func(t *testing.T, root string) error{
	"commit": func(t *testing.T, root string) error {
		return tryOps(t, root, refusal{ops: ops(w("f", "new"))})
	},
	"status":  func(t *testing.T, root string) error { _, err := txn.Status(t.Context(), root, nil); return err },
	"recover": func(t *testing.T, root string) error { _, err := txn.Recover(t.Context(), root, nil); return err },
}

// TestFolderOfSomebody has a folder at .txcommit that no version of this package has made. It is refused by name and left
// as it is; what a first commit can have left behind is not.
func TestFolderOfSomebody(t *testing.T) {
	for _, tt := range []struct {
		name string
		tree []string
		says string
	}{
		{"a file", []string{".txcommit/notes.txt=mine"}, ".txcommit holds notes.txt, which txcommit has not made; move it away"},
		{"a folder beside ours", []string{".txcommit/stage/x=mine", ".txcommit/a/"}, ".txcommit holds a, which txcommit has not made"},
		{"empty", []string{".txcommit/"}, ""},
		{"half made", []string{".txcommit/stage/", ".txcommit/lock=", ".txcommit/format.new={", ".txcommit/.gitignore=*"}, ""},
	} {
		for how, enter := range entrances {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				root := filepath.Join(memoryDir(t), "shop")
				plant(t, root, tt.tree...)
				before := wholeTree(t, root)
				err := enter(t, root)
				if tt.says == "" {
					if err != nil {
						t.Errorf("%q: got error %v, want none", tt.tree, err)
					}
					return
				}
				if !strings.Contains(fmt.Sprint(err), tt.says) {
					t.Errorf("%q: got error %v, want one that says %q", tt.tree, err, tt.says)
				}
				compareTrees(t, before, wholeTree(t, root))
			})
		}
	}
}

// TestLocksOfWrongKind puts a FIFO, which can be opened and even locked, in the place of each lock.
func TestLocksOfWrongKind(t *testing.T) {
	for _, name := range []string{"lock", "view.lock", "turnstile"} {
		for how, enter := range entrances {
			t.Run(name+", "+how, func(t *testing.T) {
				root := memoryDir(t)
				must(t, tryOps(t, root, refusal{ops: ops(w("seed", "seed"))}))
				at := filepath.Join(root, ".txcommit", name)
				must(t, os.Remove(at))
				must(t, syscall.Mkfifo(at, 0o600))
				want := ".txcommit/" + name + " is a special file; it must be a file: move it away"
				if err := enter(t, root); !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("got error %v, want one that says %q", err, want)
				}
			})
		}
	}
}

// TestPartsThatAreLinks puts a link that leads out of the root in the place of each part of the state folder: no way in
// writes, deletes or locks anything through it.
func TestPartsThatAreLinks(t *testing.T) {
	for _, name := range []string{
		"stage", "trash", "displaced", "history", "lock", "view.lock", "turnstile", "journal.db", "format", "holder", "ballast", ".gitignore",
	} {
		for how, enter := range entrances {
			t.Run(name+", "+how, func(t *testing.T) {
				dir := memoryDir(t)
				root := filepath.Join(dir, "root")
				plant(t, dir, "outside/x/y=theirs", "outside/f=theirs", "root/g=1")
				must(t, tryOps(t, root, refusal{ops: ops(w("seed", "seed"))}))
				at, to := filepath.Join(root, ".txcommit", name), "../../outside/f"
				if i, err := os.Lstat(at); err == nil && i.IsDir() {
					to = "../../outside"
				}
				must(t, os.RemoveAll(at))
				must(t, os.Symlink(to, at))
				before := wholeTree(t, filepath.Join(dir, "outside"))
				err := enter(t, root)
				compareTrees(t, before, wholeTree(t, filepath.Join(dir, "outside")))
				if optional := name == "holder" || name == "ballast" || name == ".gitignore"; (err == nil) != optional {
					t.Errorf("got error %v", err)
				}
			})
		}
	}
}
