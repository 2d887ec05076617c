//go:build unix

package txn_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestCreate streams files of sizes around those at which a stream goes from memory to disk, in pieces of several
// sizes, many at once.
func TestCreate(t *testing.T) {
	root := memoryDir(t)
	st := open(t, root, nil)
	tx, err := st.Begin(t.Context())
	must(t, err)
	want := map[string][]byte{}
	var wg sync.WaitGroup
	for _, size := range []int{0, 1, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3 << 20} {
		for _, piece := range []int{1 << 10, 64 << 10, 5 << 20} {
			name := fmt.Sprintf("d%d/f%d", piece, size)
			content := bytes.Repeat([]byte(name), size/len(name)+1)[:size]
			want[name] = content
			w, err := tx.Create(name, 0o751)
			must(t, err)
			wg.Go(func() {
				if err := writePieces(w, content, piece); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	wg.Wait()
	res, err := tx.Commit(t.Context())
	must(t, err)
	if res.Created != len(want) {
		t.Errorf("created %d, want %d", res.Created, len(want))
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %d bytes, %v; want %d", name, len(got), err, len(content))
		}
		if _, mode := inodeOf(t, filepath.Join(root, name)); mode != 0o751&^umask {
			t.Errorf("%s: got mode %04o, want %04o", name, mode, 0o751&^umask)
		}
	}
	checkLitter(t, root, true)
}

// TestCreateFromFile copies from files, whole and in part, between pieces from memory: io.Copy gives the file itself to the
// stream.
func TestCreateFromFile(t *testing.T) {
	dir, root := t.TempDir(), memoryDir(t)
	for _, root := range []string{root, filepath.Join(dir, "root")} { // the same file system as the source, and another one
		must(t, os.MkdirAll(root, 0o755))
		st := open(t, root, nil)
		for _, size := range []int{0, 10, 64 << 10, 64<<10 + 1, 3 << 20} {
			content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			must(t, os.WriteFile(filepath.Join(dir, "src"), content, 0o600))
			src, err := os.Open(filepath.Join(dir, "src"))
			must(t, err)
			tx, err := st.Begin(t.Context())
			must(t, err)
			w, err := tx.Create("f", 0o644)
			must(t, err)
			part := int64(size / 2)
			_, err = w.Write([]byte("head"))
			must(t, err)
			if n, err := io.CopyN(w, src, part); n != part || err != nil {
				t.Errorf("CopyN: %d, %v, want %d", n, err, part)
			}
			_, err = w.Write([]byte("middle"))
			must(t, err)
			if n, err := io.Copy(w, src); n != int64(size)-part || err != nil {
				t.Errorf("Copy: %d, %v, want %d", n, err, int64(size)-part)
			}
			must(t, w.Close())
			_, err = src.Seek(0, io.SeekStart)
			must(t, err)
			if _, err = io.Copy(w, src); size > 0 && !errors.Is(err, fs.ErrClosed) {
				t.Errorf("Copy after Close: %v", err)
			}
			must(t, src.Close())
			_, err = tx.Commit(t.Context())
			must(t, err)
			got, err := os.ReadFile(filepath.Join(root, "f"))
			want := "head" + string(content[:part]) + "middle" + string(content[part:])
			if err != nil || string(got) != want {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
			}
		}
		checkLitter(t, root, true)
	}
}

// TestCreateFromUnreadable gives a stream a file that it cannot read: its transaction cannot be committed any more.
func TestCreateFromUnreadable(t *testing.T) {
	root := memoryDir(t)
	src, err := os.OpenFile(filepath.Join(t.TempDir(), "src"), os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	defer src.Close()
	must(t, src.Truncate(1<<20))
	tx, err := open(t, root, nil).Begin(t.Context())
	must(t, err)
	w, err := tx.Create("f", 0o644)
	must(t, err)
	if n, err := io.Copy(w, src); n != 0 || !errors.Is(err, syscall.EBADF) {
		t.Errorf("Copy: %d, %v, want 0 and EBADF", n, err)
	}
	if err := w.Close(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Close: %v, want EBADF", err)
	}
	if _, err := tx.Commit(t.Context()); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Commit: %v, want EBADF", err)
	}
	empty(t, root)
}

// TestCreateFromSlow gives a stream a reader that hangs, and says that it is a large file: nobody else waits for it.
func TestCreateFromSlow(t *testing.T) {
	root := memoryDir(t)
	tx, err := open(t, root, nil).Begin(t.Context())
	must(t, err)
	w, err := tx.Create("f", 0o644)
	must(t, err)
	r, feed := io.Pipe()
	i, err := os.Stat(os.Args[0])
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(w, slowFile{r, i}) })
	_, err = feed.Write([]byte("the copying has begun")) // and takes no more
	must(t, err)
	if _, err := tx.Commit(t.Context()); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Commit: %v, want that the writer was not closed", err)
	}
	must(t, feed.Close())
	wg.Wait()
}

type slowFile struct {
	io.Reader
	info fs.FileInfo
}

func (f slowFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func writePieces(w io.WriteCloser, b []byte, piece int) error {
	for len(b) > 0 {
		n, err := w.Write(b[:min(piece, len(b))])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return w.Close()
}

// TestCreateMisused covers streams that are not ended, not wanted, or used when it is too late. Nothing of them is left.
func TestCreateMisused(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 200<<10)
	root := memoryDir(t)
	st := open(t, root, nil)
	for _, size := range []int{10, len(big)} {
		tx, err := st.Begin(t.Context())
		must(t, err)
		w, err := tx.Create("f", 0o644)
		must(t, err)
		_, err = w.Write(big[:size])
		must(t, err)
		if _, err := tx.Commit(t.Context()); !errors.Is(err, fs.ErrInvalid) || err.Error() != "f: its writer was not closed" {
			t.Errorf("Commit with an open stream of %d: %v", size, err)
		}
		if _, err := w.Write([]byte("more")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Write after Commit: %v", err)
		}
		if err := w.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Close after Commit: %v", err)
		}
		empty(t, root)

		tx, err = st.Begin(t.Context())
		must(t, err)
		w, err = tx.Create("f", 0o644)
		must(t, err)
		must(t, writePieces(w, big[:size], 1000))
		if _, err := tx.Create("f", 0o644); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a second Create: %v", err)
		}
		must(t, tx.Rollback())
		if err := tx.Rollback(); !errors.Is(err, txn.ErrTxDone) {
			t.Errorf("a second Rollback: %v", err)
		}
		if _, err := tx.Create("g", 0o644); !errors.Is(err, txn.ErrTxDone) {
			t.Errorf("Create after Rollback: %v", err)
		}
		empty(t, root)
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v %v", dir, left, err)
	}
}

// TestCreateReplaces streams over what is there: an unchanged file is left alone, a changed one keeps its mode, a
// condition is checked.
func TestCreateReplaces(t *testing.T) {
	big := bytes.Repeat([]byte("big"), 100<<10)
	root := memoryDir(t)
	plant(t, root, "same=small", "old=old")
	must(t, os.WriteFile(filepath.Join(root, "big"), big, 0o600))
	was := stamps(t, root)
	st := open(t, root, nil)
	stream := func(name string, content []byte, conds ...txn.Cond) (*txn.Result, error) {
		tx, err := st.Begin(t.Context())
		must(t, err)
		w, err := tx.Create(name, 0o777, conds...)
		must(t, err)
		must(t, writePieces(w, content, 10000))
		return tx.Commit(t.Context())
	}
	for name, content := range map[string][]byte{"same": []byte("small"), "big": big} {
		res, err := stream(name, content)
		must(t, err)
		if res.ID != "" || res.Unchanged != 1 {
			t.Errorf("%s: got %+v, want nothing to do", name, res)
		}
	}
	empty := func(err error) bool { return errors.Is(err, txn.ErrConflict) }
	if _, err := stream("old", big, txn.IfSHA256(sha256.Sum256([]byte("other")))); !empty(err) {
		t.Errorf("a condition that fails: %v", err)
	}
	sameStamps(t, was, stamps(t, root), nil)
	_, err := stream("old", big, txn.IfSHA256(sha256.Sum256([]byte("old"))), txn.IfSHA256(sha256.Sum256([]byte("old"))))
	must(t, err)
	if _, mode := inodeOf(t, filepath.Join(root, "old")); mode != 0o644 {
		t.Errorf("got mode %04o, want that of the replaced file", mode)
	}
	tx, err := st.Begin(t.Context())
	must(t, err)
	defer tx.Rollback()
	if _, err := tx.Create("x", 0o644, txn.IfAbsent(), txn.IfPresent()); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("two conditions: %v", err)
	}
}

// TestRepeatedID commits with an idempotency key: the same ops again change nothing, whatever the tree has become; other
// ops are a conflict. Streams and sources count by what they hold and by their names.
func TestRepeatedID(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "root/", "src/a=1")
	st := open(t, "root", nil)
	commit := func(key string, o []manifest.Op, streamed string) (*txn.Result, error) {
		t.Helper()
		tx, err := st.Begin(t.Context())
		must(t, err)
		must(t, tx.Apply(&manifest.Manifest{ID: key, Ops: o}, ""))
		if streamed != "" {
			w, err := tx.Create("streamed", 0o644)
			must(t, err)
			must(t, writePieces(w, []byte(streamed), 3))
		}
		return tx.Commit(t.Context())
	}
	deploy := ops(w("f", "1"), writeFrom("g", "src/a"), rmAllOK("h"))
	first, err := commit("deploy-1", deploy, "x")
	must(t, err)
	plant(t, "root", "f=changed by hand")
	again, err := commit("deploy-1", deploy, "x")
	must(t, err)
	if !again.Repeated || !again.Committed || again.ID != first.ID || first.Repeated {
		t.Errorf("again: got %+v; first %+v", again, first)
	}
	for name, o := range map[string][]manifest.Op{
		"other content": ops(w("f", "2"), deploy[1], deploy[2]), "other mode": ops(moded(deploy[0], 0o600), deploy[1], deploy[2]),
		"fewer ops": deploy[:2], "other order": ops(deploy[1], deploy[0], deploy[2]),
		"other source": ops(deploy[0], writeFrom("g", "./src/a"), deploy[2]), "none": nil,
	} {
		if _, err := commit("deploy-1", o, "x"); !errors.Is(err, txn.ErrConflict) || err.Error() != "id deploy-1: was committed before with other ops" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := commit("deploy-1", deploy, "other stream"); !errors.Is(err, txn.ErrConflict) {
		t.Errorf("other stream: got %v", err)
	}
	if b, err := os.ReadFile("root/f"); string(b) != "changed by hand" {
		t.Errorf("f: %q, %v", b, err)
	}
	must(t, os.RemoveAll("src"))
	if again, err = commit("deploy-1", deploy, "x"); err != nil || !again.Repeated {
		t.Errorf("without its source: %+v, %v", again, err)
	}
	must(t, st.Close())
	st = open(t, "root", nil)
	if again, err = commit("deploy-1", deploy, "x"); err != nil || !again.Repeated {
		t.Errorf("by a new store: %+v, %v", again, err)
	}
	if res, err := commit("deploy-2", ops(w("f", "1")), ""); err != nil || res.Repeated {
		t.Errorf("another id: %+v, %v", res, err)
	}
}
