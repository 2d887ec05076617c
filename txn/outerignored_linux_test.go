package txn_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/txcommit/txcommit/txn/manifest"
)

// TestOuterIgnored has an outer folder of somebody's in the way of a tree that prunes, of a listing, of a removal that takes
// only what is empty, and of a view: it is not copied, counted or seen, and goes with its folder.
func TestOuterIgnored(t *testing.T) {
	root, source := memoryDir(t), memoryDir(t)
	const name = ".txcommit-019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f-7"
	plant(t, root, "t/"+name+"/x=theirs", "t/old=old", "t/sub/deep/"+name+"/x=theirs", "t/sub/old=old", "t/file/"+name+"/x=theirs", "e/"+name+"/x=theirs", "l/f=f", "l/"+name+"/x=theirs")
	plant(t, source, "new=new", "file=new", name+"/y=not mine")
	st := open(t, root, nil)
	must(t, st.View(context.Background(), func(fsys fs.FS) error {
		entries, err := fs.ReadDir(fsys, "l")
		_, serr := fs.Stat(fsys, "l/"+name+"/x")
		if err != nil || len(entries) != 1 || entries[0].Name() != "f" || !errors.Is(serr, fs.ErrNotExist) {
			return fmt.Errorf("a view sees %v, %v, %w", entries, err, serr)
		}
		return nil
	}))
	_, err := commitOps(st, ops(manifest.Op{Kind: manifest.Tree, Path: "t", Source: source, Prune: true}, rm("e")))
	must(t, err)
	got := contents(t, root)
	if got["t/new"] != "new" || got["t/"+name+"/x"] != "theirs" || got["t/"+name+"/y"] != "" || got["t/old"] != "" || got["t/sub"] != "" || got["t/file"] != "new" || got["e"] != "" {
		t.Errorf("got %q", got)
	}
}
