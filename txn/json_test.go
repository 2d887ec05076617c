//go:build unix

package txn_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/jsondoc"
	"github.com/txcommit/txcommit/txn/manifest"
)

func bump(d *jsondoc.Doc) error { return d.Set("1.5.0", "version") }

// TestUpdateJSON edits two files, of which the edit makes one new, in one transaction; what is not touched stays, and so
// does the mode.
func TestUpdateJSON(t *testing.T) {
	root := t.TempDir()
	before := "{\r\n\t\"name\":\"shop\" ,\r\n\t\"version\":\"1.4.0\"\r\n}"
	plant(t, root, "package.json="+before, "link->package.json")
	must(t, os.Chmod(filepath.Join(root, "package.json"), 0o640))
	st := open(t, root, nil)
	must(t, st.Update(t.Context(), func(tx *txn.Tx) error {
		return errors.Join(
			tx.UpdateJSON("./link", bump, txn.JSONOptions{}),
			tx.UpdateJSON("new/lock.json", bump, txn.JSONOptions{Missing: "{}\n"}),
		)
	}))
	for path, want := range map[string]string{
		"package.json":  strings.Replace(before, "1.4.0", "1.5.0", 1),
		"new/lock.json": "{\n  \"version\": \"1.5.0\"\n}\n",
	} {
		if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
	if _, mode := inodeOf(t, filepath.Join(root, "package.json")); mode != 0o640 {
		t.Errorf("package.json has mode %o, want 640", mode)
	}
	if i, err := os.Lstat(filepath.Join(root, "link")); err != nil || i.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v; want it kept", i, err)
	}
}

// TestUpdateJSONKeepsMark edits a file that begins with a byte order mark, with a schema: the mark stays. A new file does
// not get one.
func TestUpdateJSONKeepsMark(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "package.json=\ufeff{\"version\": \"1.4.0\"}", "s.json={\"required\": [\"version\"]}")
	st := open(t, root, nil)
	edit := func(path, missing string) error {
		return st.Update(t.Context(), func(tx *txn.Tx) error {
			return tx.UpdateJSON(path, bump, txn.JSONOptions{Schema: filepath.Join(root, "s.json"), Missing: missing})
		})
	}
	must(t, edit("package.json", ""))
	want := "\ufeff{\"version\": \"1.5.0\"}"
	if got, err := os.ReadFile(filepath.Join(root, "package.json")); err != nil || string(got) != want {
		t.Errorf("package.json: got %q, %v; want %q", got, err, want)
	}
	if err := edit("new.json", "\ufeff{}"); err == nil || !strings.Contains(err.Error(), "begins with a byte order mark") {
		t.Errorf("a new file with a byte order mark: got error %v", err)
	}
}

// TestUpdateJSONConflict changes a file between the edit and the commit, also one that the edit leaves as it was: the
// commit is a conflict, and none of the files changes.
func TestUpdateJSONConflict(t *testing.T) {
	for _, race := range []string{"a.json", "b.json", "c.json"} {
		root := t.TempDir()
		plant(t, root, "a.json={}", "b.json={}")
		st := open(t, root, nil)
		err := st.Update(t.Context(), func(tx *txn.Tx) error {
			err := errors.Join(
				tx.UpdateJSON("a.json", bump, txn.JSONOptions{}),
				tx.UpdateJSON("b.json", func(*jsondoc.Doc) error { return nil }, txn.JSONOptions{}),
				tx.UpdateJSON("c.json", bump, txn.JSONOptions{Missing: "{}"}),
			)
			plant(t, root, race+"=[]")
			return err
		})
		if !errors.Is(err, txn.ErrConflict) {
			t.Errorf("%s changed meanwhile: got error %v, want a conflict", race, err)
		}
		for _, name := range []string{"a.json", "b.json", "c.json"} {
			want := "{}"
			if name == race {
				want = "[]"
			} else if name == "c.json" {
				want = ""
			}
			if got, _ := os.ReadFile(filepath.Join(root, name)); string(got) != want {
				t.Errorf("%s changed meanwhile: %s has %q, want %q", race, name, got, want)
			}
		}
	}
}

// TestUpdateJSONErrors checks what UpdateJSON refuses at the call: each names the path, and adds no op.
func TestUpdateJSONErrors(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "broken.json={", "ok.json={}", "fifo|", "d/", "out->/etc/hostname", "double.json={\"a\":1,\"a\":2}")
	st := open(t, root, nil)
	broken := errors.New("broken by the edit")
	for _, tt := range []struct {
		path string
		edit func(*jsondoc.Doc) error
		is   error
		says string
	}{
		{"broken.json", bump, nil, "broken.json: is not valid JSON: "},
		{"double.json", bump, nil, "double.json: is not valid JSON: "},
		{"none.json", bump, fs.ErrNotExist, "open none.json: no such file or directory"},
		{"d", bump, syscall.EISDIR, "read d: is a directory"},
		{"fifo", bump, nil, "fifo: is a special file"},
		{"out", bump, txn.ErrEscapes, "open out: path leads outside the root"},
		{"../x", bump, fs.ErrInvalid, `"../x": path has a ".."; write it without`},
		{"ok.json", func(*jsondoc.Doc) error { return broken }, broken, "ok.json: broken by the edit"},
		{"ok.json", func(d *jsondoc.Doc) error { return d.Remove("a") }, fs.ErrNotExist, `ok.json: "/a": file does not exist`},
	} {
		tx, err := st.Begin(t.Context())
		must(t, err)
		err = tx.UpdateJSON(tt.path, tt.edit, txn.JSONOptions{})
		var e *txn.Error
		if !errors.As(err, &e) || e.Path != tt.path || tt.is != nil && !errors.Is(err, tt.is) ||
			!strings.HasPrefix(err.Error(), tt.says) {
			t.Errorf("%s: got error %v, want one about it that says %q and matches %v", tt.path, err, tt.says, tt.is)
		}
		if p, err := tx.Plan(t.Context()); err != nil || p.Effective() {
			t.Errorf("%s: after the error the plan is %+v, %v; want nothing", tt.path, p, err)
		}
		must(t, tx.Rollback())
		if err := tx.UpdateJSON("ok.json", bump, txn.JSONOptions{}); !errors.Is(err, txn.ErrTxDone) {
			t.Errorf("after Rollback: got error %v, want ErrTxDone", err)
		}
	}
}

const portSchema = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
	"properties": {"port": {"$ref": "sub/port.json"}, "name": {"type": "string"}}, "required": ["name"]}`

// TestSchema validates what ops write, also what is in place already, against a schema of two files: before anything
// changes, by Plan as by Commit.
func TestSchema(t *testing.T) {
	for _, tt := range []struct{ name, tree, content, schema, says string }{
		{"conforms", "", `{"name": "a", "port": 80}`, "s.json", ""},
		{"in place", `{"name": "a"}`, `{"name": "a"}`, "s.json", ""},
		{"wrong type", "", `{"name": "a", "port": "80"}`, "s.json", "does not conform to s.json: at '/port': got string, want integer"},
		{"missing key", `{}`, `{}`, "s.json", "does not conform to s.json: at '': missing property 'name'"},
		{"no JSON", "", `{"name": "a"`, "s.json", "is not valid JSON"},
		{"a key twice", "", `{"name": "a", "name": "a"}`, "s.json", "is not valid JSON"},
		{"missing schema", "", `{}`, "none.json", "none.json: no such file or directory"},
		{"schema that is none", "", `{}`, "bad.json", "bad.json is no valid JSON Schema: "},
		{"schema that is no JSON", "", `{}`, "cut.json", "cut.json is not valid JSON: unexpected EOF"},
		{"schema from the network", "", `{}`, "net.json", "net.json is no valid JSON Schema: "},
		{"schema that is a FIFO", "", `{}`, "fifo", "fifo: not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			plant(t, dir, "root/", "root/x=", "s.json="+portSchema, `sub/port.json={"type": "integer"}`, `bad.json={"type": 1}`,
				"cut.json=", `net.json={"$ref": "https://example.com/schema.json"}`, "fifo|")
			root := filepath.Join(dir, "root")
			if tt.tree != "" {
				plant(t, root, "f="+tt.tree)
			}
			st := open(t, root, nil)
			m := &manifest.Manifest{Ops: []manifest.Op{
				{Kind: manifest.Write, Path: "f", Content: []byte(tt.content), Format: "json", Schema: tt.schema},
				{Kind: manifest.Write, Path: "x", Content: []byte("new")},
			}}
			before := wholeTree(t, root)
			for _, run := range []func(*txn.Tx) error{
				func(tx *txn.Tx) error { _, err := tx.Plan(context.Background()); return err },
				func(tx *txn.Tx) error { _, err := tx.Commit(context.Background()); return err },
			} {
				compareTrees(t, before, wholeTree(t, root))
				tx, err := st.Begin(t.Context())
				must(t, err)
				must(t, tx.Apply(m, dir))
				err = run(tx)
				_ = tx.Rollback()
				says := strings.ReplaceAll(tt.says, "to s.json", "to "+filepath.Join(dir, "s.json"))
				if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
					t.Errorf("got error %v, want %q", err, says)
				}
			}
			if tt.says != "" {
				compareTrees(t, before, wholeTree(t, root))
			}
		})
	}
}
