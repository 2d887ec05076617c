package txn_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// tinyDisk mounts a small file system in memory.
func tinyDisk(t *testing.T, options string) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		missing(t, "the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// TestFullDisk replaces, adds, removes and renames files on a disk with every amount of space left, from none to enough:
// success with the new tree, or ENOSPC with the old one, byte for byte; and with space again the store works. A short
// write is never a success (field.md 1), and no rollback needs space that is not there (field.md 4).
func TestFullDisk(t *testing.T) {
	disk := tinyDisk(t, "size=1m")
	root := filepath.Join(disk, "root")
	must(t, os.Mkdir(root, 0o755))
	old, wanted := bytes.Repeat([]byte("old "), 5<<10), bytes.Repeat([]byte("new "), 20<<10)
	seed := func(st *txn.Store) {
		_, err := commitOps(st, ops(w("good", string(old)), w("d/gone", "1"), w("from", "2"), rmAllOK("to"), rmAllOK("n")))
		must(t, err)
	}
	failed, committed := 0, 0
	for left := 0; committed < 3; left += 4 << 10 {
		st := open(t, root, nil)
		seed(st)
		before := contents(t, root)
		fill(t, disk, left)
		err := changeWithStream(t, st, wanted)
		must(t, os.Remove(filepath.Join(disk, "filler")))
		after := contents(t, root)
		switch {
		case err == nil:
			committed++
			if after["good"] != string(wanted) || after["n/new"] != "x" || len(after["n/stream"]) != 2*len(wanted) || after["to"] != "2" || after["d"] != "" {
				t.Fatalf("%d bytes left, success reported: good has %d bytes, the tree %v", left, len(after["good"]), keys(after))
			}
		case errors.Is(err, syscall.ENOSPC) && !errors.Is(err, txn.ErrIncomplete):
			failed++
			compareTrees(t, before, after)
			checkLitter(t, root, true)
		default:
			t.Fatalf("%d bytes left: %v", left, err)
		}
		must(t, st.Close())
	}
	t.Logf("%d failed, then %d committed", failed, committed)
	if failed < 10 {
		t.Errorf("only %d commits met a full disk", failed)
	}
}

// changeWithStream commits ops of all kinds and a stream.
func changeWithStream(t *testing.T, st *txn.Store, content []byte) error {
	tx, err := begin(st, ops(w("good", string(content)), w("n/new", "x"), rmAll("d"), mv("from", "to")))
	must(t, err)
	defer tx.Rollback()
	s, err := tx.Create("n/stream", 0o644)
	must(t, err)
	if _, err := s.Write(append(content, content...)); err != nil {
		if _, cerr := tx.Commit(t.Context()); cerr == nil {
			t.Fatalf("a stream failed with %v, and Commit did not", err)
		}
		return err
	}
	must(t, s.Close())
	_, err = tx.Commit(t.Context())
	return err
}

// fill leaves only so many bytes free.
func fill(t *testing.T, disk string, left int) {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(disk, &st))
	f, err := os.Create(filepath.Join(disk, "filler"))
	must(t, err)
	defer f.Close()
	if size := int64(st.Bavail)*st.Bsize - int64(left); size > 0 {
		must(t, unix.Fallocate(int(f.Fd()), 0, 0, size))
	}
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestNoInodes does the same with every number of inodes left.
func TestNoInodes(t *testing.T) {
	disk := tinyDisk(t, "size=8m,nr_inodes=120")
	root := filepath.Join(disk, "root")
	must(t, os.Mkdir(root, 0o755))
	committed := 0
	for left := 0; committed < 3; left++ {
		st := open(t, root, nil)
		_, err := commitOps(st, ops(w("f", "old"), w("d/gone", "1"), rmAllOK("n")))
		must(t, err)
		before := contents(t, root)
		var st2 unix.Statfs_t
		must(t, unix.Statfs(disk, &st2))
		must(t, os.Mkdir(filepath.Join(disk, "fill"), 0o755))
		for i := range max(0, int(st2.Ffree)-1-left) {
			must(t, os.WriteFile(filepath.Join(disk, "fill", fmt.Sprint(i)), nil, 0o600))
		}
		_, err = commitOps(st, []manifest.Op{w("f", "new"), w("n/a", "1"), w("n/b", "2"), rmAll("d")})
		must(t, os.RemoveAll(filepath.Join(disk, "fill")))
		switch {
		case err == nil:
			committed++
			compareTrees(t, map[string]string{".": "d", "f": "new", "n": "d", "n/a": "1", "n/b": "2"}, contents(t, root))
		case errors.Is(err, syscall.ENOSPC) && !errors.Is(err, txn.ErrIncomplete):
			compareTrees(t, before, contents(t, root))
			checkLitter(t, root, true)
		default:
			t.Fatalf("%d inodes left: %v", left, err)
		}
		must(t, st.Close())
	}
}
