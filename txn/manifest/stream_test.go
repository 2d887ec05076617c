package manifest

import (
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// A stream holds the same as a manifest with its ops in an array, whatever line ends it has and in whatever pieces it comes.
func TestParseStream(t *testing.T) {
	ops := []string{`{"op": "mkdir", "path": "a"}`, `{"path": "b/", "op": "write", "content": "x\ny"}`, `{"op": "remove", "path": "c"}`}
	for n := range len(ops) + 1 {
		for _, end := range []string{"\n", "\r\n", "\n\n \n"} {
			text := `{"version": 1, "stream": true, "id": "i", "message": "m"}` + end + strings.Join(ops[:n], end) + end
			got, err := Parse("m", iotest.OneByteReader(strings.NewReader(text)))
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			want, err := Parse("m", strings.NewReader(`{"version": 1, "id": "i", "message": "m", "ops": [`+strings.Join(ops[:n], ",")+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Ops {
				if line := strings.Count(text[:strings.Index(text, ops[i])], "\n") + 1; got.Ops[i].Line != int32(line) || got.Ops[i].Col != 1 {
					t.Errorf("%q: op %d is at %d:%d, want %d:1", text, i, got.Ops[i].Line, got.Ops[i].Col, line)
				}
				got.Ops[i].Line, got.Ops[i].Col = want.Ops[i].Line, want.Ops[i].Col
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
			}
		}
	}
}

// Errors in a stream name the line, and the op as in an array.
func TestParseStreamErrors(t *testing.T) {
	const head = `{"version": 1, "stream": true}` + "\n"
	for _, tt := range []struct{ name, text, want string }{
		{"ops as well", `{"version": 1, "ops": [], "stream": true}`, `m:1:1: a stream has its ops on the lines that follow; remove "ops" or "stream"`},
		{"no version", `{"stream": true}`, `m:1:1: "version" is missing; add "version": 1`},
		{"no stream", `{"version": 1, "stream": false}`, `m:1:1: "ops" is missing; add "ops": [...]`},
		{"not a stream, and more", `{"version": 1, "stream": false, "ops": []}` + "\n{}", `m:2:1: text goes on after the manifest; remove what follows its last brace`},
		{"stream a string", `{"version": 1, "stream": "yes"}`, `m:1:26: /stream: expected true or false, got a string`},
		{"array", head + "[]", `m:2:1: /ops/0: expected an op like {"op": "write", ...}, got an array`},
		{"value", head + "{\"op\": \"mkdir\", \"path\": \"a\"}\n{\"op\": \"mkdir\", \"path\": 1}\n", `m:3:25: /ops/1/path: expected a path, got a number`},
		{"missing key", head + "{\"op\": \"mkdir\", \"path\": \"a\"}\n{\"op\": \"mkdir\"}", `m:3:1: /ops/1: mkdir needs the key "path"; add it`},
		{"key twice", head + `{"op": "mkdir", "op": "mkdir"}`, `m:2:17: /ops/0/op: duplicate key "op"; give it once`},
		{"comma", head + "{\"op\": \"mkdir\", \"path\": \"a\"},\n", `m:2:29: /ops/0: unexpected comma; remove it`},
		{"cut", head + `{"op": "mkdir", "pa`, `m:2:17: /ops/0: text ends too early; complete it (at byte 3 of the string)`},
		{"header twice", head + head, `m:2:2: /ops/0/version: unknown key "version"; an op has`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse("m", iotest.OneByteReader(strings.NewReader(tt.text)))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Parse(%q) = %+v, %v; want %s", tt.text, m, err, tt.want)
			}
		})
	}
	want := &fs.PathError{Op: "read", Path: "m", Err: fs.ErrPermission}
	for n := range len(head) + 1 {
		r := io.MultiReader(strings.NewReader(head[:n]), iotest.ErrReader(want))
		if _, err := Parse("m", r); err != error(want) {
			t.Fatalf("read error after %d bytes: got %v, want %v", n, err, want)
		}
	}
}

func BenchmarkParseStream(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"version": 1, "stream": true}` + "\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, `{"op": "write", "path": "dir%d/file%d", "content": "x"}`+"\n", i%100, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("m", strings.NewReader(text.String())); err != nil {
			b.Fatal(err)
		}
	}
}

// Read hands out the ops that Parse returns, and keeps none; those before a fault were handed out in vain.
func TestRead(t *testing.T) {
	const text = `{"version": 1, "stream": true, "id": "i"}` + "\n" + `{"op": "mkdir", "path": "a"}` + "\n" + `{"op": "remove", "path": "b"}` + "\n"
	want, err := Parse("m", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var ops []Op
	m, err := Read("m", strings.NewReader(text), func(o Op) { ops = append(ops, o) })
	if err != nil || m.ID != "i" || m.Ops != nil || !reflect.DeepEqual(ops, want.Ops) {
		t.Errorf("got %+v, %+v and %v, want %+v", m, ops, err, want)
	}
	n := 0
	if _, err := Read("m", strings.NewReader(text+"{"), func(Op) { n++ }); err == nil || n != 2 {
		t.Errorf("got %d ops and %v, want 2 and an error", n, err)
	}
}
