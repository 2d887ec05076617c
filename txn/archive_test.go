//go:build unix

package txn_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/txcommit/txcommit/txn"
)

// archiveOf makes an archive of entries: "name=content", "name/" for a folder, "->" for a link, "=>" for a hard link, "name|"
// for a FIFO.
func archiveOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e, Mode: 0o640, Typeflag: tar.TypeReg}
		content := ""
		if name, to, ok := strings.Cut(e, "->"); ok {
			h.Name, h.Linkname, h.Typeflag = name, to, tar.TypeSymlink
		} else if name, to, ok := strings.Cut(e, "=>"); ok {
			h.Name, h.Linkname, h.Typeflag = name, to, tar.TypeLink
		} else if name, text, ok := strings.Cut(e, "="); ok {
			h.Name, content, h.Size = name, text, int64(len(text))
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o750
		} else if strings.HasSuffix(e, "|") {
			h.Typeflag = tar.TypeFifo
		}
		must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, content)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func applyTar(t *testing.T, root string, archive []byte, o txn.TarOptions) error {
	st := open(t, root, nil)
	return st.Update(t.Context(), func(tx *txn.Tx) error {
		return tx.ApplyTar(iotest.DataErrReader(bytes.NewReader(archive)), o)
	})
}

// TestApplyTar unpacks an archive, and plans it before without a trace: all kinds of entries, in several places.
func TestApplyTar(t *testing.T) {
	big := strings.Repeat("0123456789", 20_000)
	entries := []string{"./", "./app/", "app/a=one", "app/sub/big=" + big, "app/hard=>app/a", "app/hardbig=>app/sub/big", "app/link->sub/big", "app/link2->../../x", "top="}
	for _, tt := range []struct {
		name string
		o    txn.TarOptions
		want []string
	}{
		{"as it is", txn.TarOptions{Prefix: "p/q"}, []string{
			"p/", "p/q/", "p/q/app/", "p/q/app/a=one", "p/q/app/hard=one", "p/q/app/hardbig=" + big,
			"p/q/app/link->sub/big", "p/q/app/link2->../../x", "p/q/app/sub/", "p/q/app/sub/big=" + big, "p/q/top=",
		}},
		{"stripped", txn.TarOptions{Prefix: "p/q/", Strip: 1}, []string{
			"p/", "p/q/", "p/q/a=one", "p/q/hard=one", "p/q/hardbig=" + big, "p/q/link->sub/big", "p/q/link2->../../x", "p/q/sub/", "p/q/sub/big=" + big,
		}},
		{"stripped more", txn.TarOptions{Prefix: "p", Strip: 2}, []string{"p/", "p/big=" + big}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			archive := archiveOf(t, entries...)
			tx, err := open(t, root, &txn.Options{ReadOnly: true}).Begin(t.Context())
			must(t, err)
			must(t, tx.ApplyTar(bytes.NewReader(archive), tt.o))
			plan, err := tx.Plan(t.Context())
			must(t, err)
			must(t, tx.Rollback())
			if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
				t.Fatalf("the plan has made %v, %v", left, err)
			}
			must(t, applyTar(t, root, archive, tt.o))
			var got, planned []string
			must(t, filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
				rel, _ := filepath.Rel(root, p)
				switch {
				case err != nil || rel == ".":
					return err
				case rel == ".txcommit":
					return fs.SkipDir
				case e.IsDir():
					rel += "/"
				case e.Type()&fs.ModeSymlink != 0:
					to, _ := os.Readlink(p)
					rel += "->" + to
				default:
					b, _ := os.ReadFile(p)
					if _, mode := inodeOf(t, p); mode != 0o640 {
						t.Errorf("%s has mode %o, want 640", rel, mode)
					}
					rel += "=" + string(b)
				}
				got = append(got, rel)
				return nil
			}))
			for _, c := range plan.Changes {
				planned = append(planned, string(c.Symbol)+c.Path)
			}
			if g, w := strings.Join(got, "\n"), strings.Join(tt.want, "\n"); g != w {
				t.Errorf("got:\n%.2000s\nwant:\n%.2000s", g, w)
			}
			if len(planned) != len(tt.want) {
				t.Errorf("planned %v, want %d paths", planned, len(tt.want))
			}
			if err := applyTar(t, root, archive, tt.o); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestApplyTarTwice has entries with one path: the last one counts, and a hard link means the entry before it. Nothing stays of
// the contents that do not count.
func TestApplyTarTwice(t *testing.T) {
	big := strings.Repeat("0123456789", 20_000)
	archive := archiveOf(t, "d/", "a=one", "first=>a", "./a=two"+big, "second=>a", "a=three", "third=>a", "third=>third",
		"l->x", "l=file", "f=file", "f->x", "h=first", "h=>a", "d/")
	want := map[string]string{
		"a": "three", "first": "one", "second": "two" + big, "third": "three", "l": "file", "h": "three",
	}
	root := t.TempDir()
	st := open(t, root, nil)
	tx, err := st.Begin(t.Context())
	must(t, err)
	must(t, tx.ApplyTar(bytes.NewReader(archive), txn.TarOptions{}))
	if left, err := filepath.Glob(root + "/.txcommit/stage/*/stream-*"); err != nil || len(left) != 1 {
		t.Errorf("staged: %q, %v; want only the content of second", left, err)
	}
	_, err = tx.Commit(t.Context())
	must(t, err)
	for path, text := range want {
		if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != text {
			t.Errorf("%s: got %.20q, %v; want %.20q", path, got, err, text)
		}
	}
	if to, err := os.Readlink(filepath.Join(root, "f")); err != nil || to != "x" {
		t.Errorf("f leads to %q, %v; want x", to, err)
	}
}

// TestApplyTarRefuses checks that an archive which is not what it should be changes nothing, and is no fault of the tree.
func TestApplyTarRefuses(t *testing.T) {
	good := archiveOf(t, "a=one", "b="+strings.Repeat("x", 100_000))
	for _, tt := range []struct {
		name    string
		archive []byte
		says    string
	}{
		{"device", archiveOf(t, "a=one", "f|"), "f|: is a device or FIFO"},
		{"above", archiveOf(t, "a=one", "../b=two"), `path has a ".."`},
		{"absolute", archiveOf(t, "a=one", "/b=two"), "path is absolute"},
		{"state", archiveOf(t, "a=one", ".txcommit/b=two"), "is the state folder of a store"},
		{"absolute link", archiveOf(t, "a=one", "l->/etc/passwd"), "leads out of the root"},
		{"link above", archiveOf(t, "a=one", "d/l->../../x"), "leads out of the root"},
		{"hard link above", archiveOf(t, "a=one", "l=>../x"), "is no file before it"},
		{"hard link to nothing", archiveOf(t, "l=>a", "a=one"), "is no file before it"},
		{"file through a link", archiveOf(t, "d/", "l->d", "l/f=two"), "cannot go together"},
		{"file, then folder", archiveOf(t, "a=one", "a/"), `a: entry "a" of the archive and "a" before it have this path, and only one of them is a directory`},
		{"folder, then link", archiveOf(t, "./d/", "d->a"), "only one of them is a directory"},
		{"hard link to what became a link", archiveOf(t, "a=one", "a->b", "l=>a"), "is no file before it"},
		{"no archive", []byte(strings.Repeat("no archive ", 100)), "not a whole tar archive"},
		{"empty", nil, "end marker"},
		{"cut in a file", good[:5000], "not a whole tar archive"},
		{"cut between files", good[:1024], "end marker"},
		{"without its end", good[:len(good)-1024], "end marker"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			plant(t, root, "keep=1")
			err := applyTar(t, root, tt.archive, txn.TarOptions{})
			if err == nil || !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want one that says %q and matches fs.ErrInvalid", err, tt.says)
			}
			if left, err := os.ReadDir(root); err != nil || len(left) != 1 {
				t.Errorf("left in the root: %v, %v; want only what was there", left, err)
			}
		})
	}
}

// TestApplyTarReadError passes an error of the reader on, wherever it comes.
func TestApplyTarReadError(t *testing.T) {
	archive, broken := archiveOf(t, "a=one", "b="+strings.Repeat("x", 2000)), errors.New("broken")
	for n := 0; n < len(archive); n += 256 {
		tx, err := open(t, t.TempDir(), nil).Begin(t.Context())
		must(t, err)
		err = tx.ApplyTar(io.MultiReader(bytes.NewReader(archive[:n]), iotest.ErrReader(broken)), txn.TarOptions{})
		if n < len(archive)-1024+512 && !errors.Is(err, broken) {
			t.Errorf("an error after %d bytes: got %v", n, err)
		}
		must(t, tx.Rollback())
	}
}
