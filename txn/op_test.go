package txn

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestSharedOps adds ops that differ in one field each: what a transaction holds must be what it was given, whatever ops
// share; only path, content and position are an op's own.
func TestSharedOps(t *testing.T) {
	var s shared
	plain := given{Op: manifest.Op{Kind: manifest.Write, Path: "a", Content: []byte("x")}, perm: 0o666}
	first := s.op(plain)
	again := plain
	again.Path, again.Content, again.Line, again.Col = "b", []byte("y"), 7, 8
	if o := s.op(again); o.given != first.given || o.text != "by" || o.Path() != "b" {
		t.Errorf("got %+v, want path b, content y and the rest shared", o)
	}
	for i := range reflect.TypeFor[manifest.Op]().NumField() {
		name := reflect.TypeFor[manifest.Op]().Field(i).Name
		if name == "Path" || name == "Content" || name == "Line" || name == "Col" {
			continue
		}
		other := plain
		change(reflect.ValueOf(&other.Op).Elem().Field(i))
		if o := s.op(other); o.given == first.given {
			t.Errorf("%s: the op shares the rest of one that has another", name)
		}
	}
	for i, other := range []given{
		{perm: 1}, {content: &stream{}}, {dir: "d"}, {listing: &listing{}}, {quick: true}, {back: &back{}}, {marked: true}, {scratch: true},
	} {
		other.Op = plain.Op
		if other.perm == 0 {
			other.perm = plain.perm
		}
		if o := s.op(other); o.given == first.given {
			t.Errorf("field %d of given: the op shares the rest of one that has another", i)
		}
	}
	if n := reflect.TypeFor[given]().NumField(); n != 9 {
		t.Errorf("given has %d fields: compare the new ones in alike, and here", n)
	}
}

// TestOpContent gives ops contents, and reads them back in all ways.
func TestOpContent(t *testing.T) {
	tx := &Tx{byPath: map[string]int{}}
	contents := [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("y"), 512), bytes.Repeat([]byte("z"), 513)}
	for i, data := range contents {
		if err := tx.add(given{Op: manifest.Op{Kind: manifest.Write, Path: strconv.Itoa(i), Content: data}, perm: 0o666}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, data := range contents {
		o := &tx.ops[i]
		w := newWant(newPlace(&folder{}, o.Path(), fsys.Info{}), o.Path(), want{kind: wantFile, op: i})
		c := w.content(tx.ops)
		r, err := c.open()
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(read, data) || c.size() != int64(len(data)) || o.Path() != strconv.Itoa(i) {
			t.Errorf("op %d: path %q, %d bytes of a size of %d, want %d; %v", i, o.Path(), len(read), c.size(), len(data), err)
		}
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(copyContent(&progress{}, f, c), f.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, data) {
			t.Errorf("op %d: %d bytes were copied, want %d; %v", i, len(got), len(data), err)
		}
	}
	// The digest is kept with a key: it may not depend on how contents are held.
	got, err := tx.digest()
	if want := "0ac98a65d68f9d6aca5c1af9962df7d6"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got digest %x, want %s; %v", got, want, err)
	}
}

// TestWriteFileCopies changes what was given to WriteFile afterwards; and nothing is an empty content, not none.
func TestWriteFileCopies(t *testing.T) {
	tx := &Tx{byPath: map[string]int{}}
	data := []byte("given")
	if err := errors.Join(tx.WriteFile("f", data, 0o600), tx.WriteFile("nothing", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	copy(data, "later")
	if got := tx.ops[0].Content(); got != "given" {
		t.Errorf("got %q", got)
	}
	if m := tx.ops[1].whole(); m.Content == nil {
		t.Error("nothing is no content")
	}
}

// change gives a field another value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(v.Uint() + 1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		change(v.Field(0))
	default:
		panic(v.Kind())
	}
}
