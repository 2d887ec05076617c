package txn_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestSparse copies files with holes by a tree, by a write and as the seed of a stage folder, on a disk and in memory: the
// copies have the same content, and hardly more blocks.
func TestSparse(t *testing.T) {
	const size, page = 8 << 20, 4096
	data := bytes.Repeat([]byte("x"), page)
	for _, dir := range []string{t.TempDir(), memoryDir(t)} {
		plant(t, dir, "src/d/plain=small")
		names := map[string][]int64{"d/middle": {3 << 20, 5 << 20}, "d/ends": {0, size - page}, "d/start": {0}, "d/empty": nil}
		for name, parts := range names {
			f, err := os.Create(filepath.Join(dir, "src", name))
			must(t, err)
			for _, at := range parts {
				_, err := f.WriteAt(data, at)
				must(t, err)
			}
			must(t, joinErrs(f.Truncate(size), f.Close()))
		}
		if blocks(t, filepath.Join(dir, "src/d/empty")) != 0 {
			missing(t, "a file system with holes in files, for %s", dir)
		}
		root := filepath.Join(dir, "root")
		must(t, os.Mkdir(root, 0o755))
		progress := func(txn.Progress) {}
		for i, o := range []*txn.Options{nil, {Progress: progress}} {
			st := open(t, root, o)
			_, err := commitOps(st, []manifest.Op{treeOp([]string{"tree", "tree2"}[i], filepath.Join(dir, "src")), writeFrom("file", filepath.Join(dir, "src/d/middle"))})
			must(t, err)
		}
		folder, err := open(t, root, nil).StageFor(t.Context(), "tree/d")
		must(t, err)
		defer folder.Close()
		must(t, folder.Seed(t.Context()))
		at := []string{filepath.Join(root, "tree/d"), filepath.Join(root, "tree2/d"), folder.Dir()}
		for name := range names {
			for _, d := range at {
				checkSparse(t, filepath.Join(d, filepath.Base(name)), filepath.Join(dir, "src", name))
			}
		}
		checkSparse(t, filepath.Join(root, "file"), filepath.Join(dir, "src/d/middle"))
	}
}

// checkSparse compares a copy with its source.
func checkSparse(t *testing.T, at, source string) {
	t.Helper()
	got, err := os.ReadFile(at)
	must(t, err)
	want, err := os.ReadFile(source)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s has not the content of %s", at, source)
	}
	if now, was := blocks(t, at), blocks(t, source); now > was+32 {
		t.Errorf("%s takes %d blocks, its source %d", at, now, was)
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st.Blocks
}
