package txn

import (
	"reflect"
	"testing"

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
	if o := s.op(again); o.given != first.given || o.Path != "b" || string(o.Content) != "y" {
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
