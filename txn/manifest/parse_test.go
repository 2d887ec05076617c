package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Every error has exactly this message, position and pointer included, also
// when the text comes in single bytes: no position may depend on buffering.
func TestParseErrors(t *testing.T) {
	for _, tt := range slices.Concat(textErrors, manifestErrors, opErrors, valueErrors) {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{
				strings.NewReader(tt.text),
				iotest.OneByteReader(strings.NewReader(tt.text)),
				iotest.DataErrReader(strings.NewReader(tt.text)),
			} {
				m, err := Parse("m.json", r)
				if m != nil || err == nil {
					t.Fatalf("Parse(%q) = %+v, %v; want an error", tt.text, m, err)
				}
				if _, ok := errors.AsType[*Error](err); !ok {
					t.Errorf("Parse(%q): error is a %T; want *Error", tt.text, err)
				}
				if got := err.Error(); got != tt.want {
					t.Errorf("Parse(%q):\n got %s\nwant %s", tt.text, got, tt.want)
				}
			}
		})
	}
}

// The position of a fault is that of the byte at which it was planted, whatever
// white space and however many ops come before it.
func TestErrorPosition(t *testing.T) {
	for n := range 200 {
		text := "{\"version\": 1, \"ops\": [\n" +
			strings.Repeat("\t{\"op\":\n \"mkdir\" , \"path\"\n:\r\n\"é\"} ,\n\n", n) + `  {"op": "mkdir", "path": `
		want := Error{
			Name: "m", Line: 1 + strings.Count(text, "\n"), Col: len(text) - strings.LastIndex(text, "\n"),
			Pointer: fmt.Sprintf("/ops/%d/path", n), Msg: "expected a path, got an array",
		}
		_, err := Parse("m", strings.NewReader(text+"[]}]}"))
		got, ok := errors.AsType[*Error](err)
		if !ok || *got != want {
			t.Fatalf("after %d ops: got %v, want %v", n, err, &want)
		}
	}
}

// contractManifest is the example of the contract, with digests filled in.
const contractManifest = `{"version": 1, "id": "optional-idempotency-key", "message": "optional, shown in history", "ops": [
  {"op": "write",   "path": "package.json", "content": "{...}\n", "format": "json", "expect": {"sha256": "` + hexDigits + `"}},
  {"op": "write",   "path": "bin/tool", "source": "out/tool", "mode": "0755", "sha256": "` + hexDigits + `"},
  {"op": "write",   "path": "logo.png", "base64": "iVBO", "expect": "absent", "parents": "require"},
  {"op": "remove",  "path": "legacy", "recursive": true, "missing": "ok"},
  {"op": "rename",  "from": "a.log", "to": "a.log.1", "replace": true},
  {"op": "mkdir",   "path": "cache", "mode": "0700"},
  {"op": "symlink", "path": "current", "target": "releases/42"},
  {"op": "chmod",   "path": "run.sh", "mode": "0755"},
  {"op": "tree",    "path": "dist", "source": "build/dist", "prune": true, "exclude": ["**/*.map"], "move": false}]}`

func TestParseContract(t *testing.T) {
	m, err := Parse("m.json", strings.NewReader(contractManifest))
	if err != nil || len(m.Ops) != 9 {
		t.Fatalf("got %+v, %v; want 9 ops", m, err)
	}
	for i, op := range m.Ops {
		if op.Line != int32(i+2) || op.Col != 3 {
			t.Errorf("op %d is at %d:%d, want %d:3", i, op.Line, op.Col, i+2)
		}
	}
}

func digest(t *testing.T, s string) [32]byte {
	t.Helper()
	var sum [32]byte
	if _, err := hex.Decode(sum[:], []byte(s)); err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestParseOps(t *testing.T) {
	sum := digest(t, hexDigits)
	for _, tt := range []struct {
		name, text string
		want       Op
	}{
		{
			"write content", `{"op": "write", "path": "./a//b/", "content": "é\n\ud83d\ude00\u0000", "mode": "0755", "sha256": "` + hexDigits + `", "format": "json", "schema": "../s.json", "expect": {"sha256": "` + hexDigits + `"}, "parents": "require"}`,
			Op{Kind: Write, Path: "a/b", Content: []byte("é\n😀\x00"), Mode: ModeOf(0o755), SHA256: &sum, Format: "json", Schema: "../s.json", Expect: Expect{ExpectSHA256, sum}, RequireParents: true},
		},
		{"write empty", `{"content": "", "path": "a", "op": "write"}`, Op{Kind: Write, Path: "a", Content: []byte{}}},
		{
			"write base64", `{"op": "write", "path": "a", "base64": "\/+8A", "expect": "absent"}`,
			Op{Kind: Write, Path: "a", Content: []byte{0xff, 0xef, 0x00}, Expect: Expect{State: ExpectAbsent}},
		},
		{"write empty base64", `{"op": "write", "path": "a", "base64": ""}`, Op{Kind: Write, Path: "a", Content: []byte{}}},
		{"write source", `{"op": "write", "path": "a", "source": "/tmp/../x", "parents": "make"}`, Op{Kind: Write, Path: "a", Source: "/tmp/../x"}},
		{"write odd path", `{"op": "write", "path": "..a/.txcommit2/\\ \n*", "source": "-"}`, Op{Kind: Write, Path: "..a/.txcommit2/\\ \n*", Source: "-"}},
		{
			"remove", `{"op": "remove", "path": "a", "recursive": true, "missing": "ok", "expect": "present"}`,
			Op{Kind: Remove, Path: "a", Recursive: true, MissingOK: true, Expect: Expect{State: ExpectPresent}},
		},
		{"remove defaults", `{"op": "remove", "path": "a", "recursive": false, "missing": "error"}`, Op{Kind: Remove, Path: "a"}},
		{
			"rename", `{"op": "rename", "from": "./a", "to": "b/", "replace": true, "parents": "require", "expect": "present"}`,
			Op{Kind: Rename, From: "a", To: "b", Replace: true, RequireParents: true, Expect: Expect{State: ExpectPresent}},
		},
		{"mkdir", `{"op": "mkdir", "path": "a", "mode": "7777", "parents": "require"}`, Op{Kind: Mkdir, Path: "a", Mode: ModeOf(0o7777), RequireParents: true}},
		{"mkdir mode zero", `{"op": "mkdir", "path": "a", "mode": "0"}`, Op{Kind: Mkdir, Path: "a", Mode: ModeOf(0)}},
		{
			"symlink", `{"op": "symlink", "path": "a", "target": "/x/../..", "expect": "absent", "parents": "require"}`,
			Op{Kind: Symlink, Path: "a", Target: "/x/../..", Expect: Expect{State: ExpectAbsent}, RequireParents: true},
		},
		{
			"chmod", `{"mode": "07000", "expect": "present", "path": "a", "op": "chmod"}`,
			Op{Kind: Chmod, Path: "a", Mode: ModeOf(0o7000), Expect: Expect{State: ExpectPresent}},
		},
		{
			"tree", `{"op": "tree", "path": ".", "source": "b", "prune": true, "exclude": ["**/*.map", "{a,b}/[!x]"], "move": true, "times": true, "parents": "require"}`,
			Op{Kind: Tree, Path: ".", Source: "b", Prune: true, Exclude: []string{"**/*.map", "{a,b}/[!x]"}, Move: true, Times: true, RequireParents: true},
		},
		{"tree without exclude", `{"op": "tree", "path": "a", "source": "b", "exclude": []}`, Op{Kind: Tree, Path: "a", Source: "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse("m.json", strings.NewReader(in(tt.text)))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Line, tt.want.Col = 1, 24
			if want := []Op{tt.want}; !reflect.DeepEqual(m.Ops, want) {
				t.Errorf("Parse(%s):\n got %+v\nwant %+v", tt.text, m.Ops, want)
			}
		})
	}
}

func TestParseManifest(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Manifest
	}{
		{"least", `{"version":1,"ops":[]}`, Manifest{}},
		{"all keys, any order", "\t{\"ops\": [ ], \"message\": \"a\\nb\", \"id\": \"é 1\", \"version\": 1.0}\r\n\n", Manifest{ID: "é 1", Message: "a\nb"}},
		{"longest", `{"version":1,"ops":[],"id":"` + long256[1:] + `"}`, Manifest{ID: long256[1:]}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name = "x"
			m, err := Parse("x", strings.NewReader(tt.text))
			if err != nil || !reflect.DeepEqual(*m, tt.want) {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.text, m, err, tt.want)
			}
		})
	}
}

// An error of the reader comes back as it is, wherever it strikes.
func TestParseReadError(t *testing.T) {
	text := write(`"sha256": "` + hexDigits + `"`)
	want := &fs.PathError{Op: "read", Path: "m.json", Err: fs.ErrPermission}
	for n := range len(text) + 1 {
		r := io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(want))
		if _, err := Parse("m.json", r); err != error(want) { // as it is, not wrapped
			t.Fatalf("read error after %d bytes: got %v, want %v", n, err, want)
		}
	}
}

func TestParseLimit(t *testing.T) {
	text := in(`{"op": "write", "path": "a", "content": "` + strings.Repeat("x", 1<<10) + `"}`)
	if _, err := parse("m.json", strings.NewReader(text), int64(len(text))); err != nil {
		t.Errorf("text as long as the limit: %v", err)
	}
	const want = "m.json: text is larger than 1 GiB; put large contents into files and name them as source"
	for limit := range len(text) {
		_, err := parse("m.json", strings.NewReader(text), int64(limit))
		if _, ok := errors.AsType[*Error](err); !ok || err.Error() != want {
			t.Fatalf("limit %d: got %v, want %s", limit, err, want)
		}
	}
}

func TestErrorAt(t *testing.T) {
	m, err := Parse("m.json", strings.NewReader("{\"version\": 1, \"ops\": [{\"op\": \"mkdir\", \"path\": \"a\"},\n  {\"op\": \"mkdir\", \"path\": \"a\"}]}"))
	if err != nil {
		t.Fatal(err)
	}
	cause := fmt.Errorf("%q: %w", "a", fs.ErrExist)
	for _, tt := range []struct {
		m    *Manifest
		i    int
		want string
	}{
		{m, 0, `m.json:1:24: /ops/0: "a": file already exists`},
		{m, 1, `m.json:2:3: /ops/1: "a": file already exists`},
		{m, 2, `m.json: "a": file already exists`},
		{m, -1, `m.json: "a": file already exists`},
		{&Manifest{Ops: []Op{{}}}, 0, `/ops/0: "a": file already exists`},
		{&Manifest{Name: "a\x1bb", Ops: []Op{{}}}, 0, `"a\x1bb": /ops/0: "a": file already exists`},
		{&Manifest{Ops: []Op{{Line: 3, Col: 4}}}, 0, `3:4: /ops/0: "a": file already exists`},
		{&Manifest{}, 0, `"a": file already exists`},
	} {
		got := tt.m.ErrorAt(tt.i, cause)
		if got.Error() != tt.want || !errors.Is(got, fs.ErrExist) {
			t.Errorf("ErrorAt(%d): got %s, want %s and the cause", tt.i, got, tt.want)
		}
	}
}

func TestStrings(t *testing.T) {
	if got := fmt.Sprint(Tree, Kind(0), Kind(8), ModeOf(0o4755), ModeOf(7), Mode(0)); got != "tree Kind(0) Kind(8) 4755 0007 " {
		t.Errorf("got %q", got)
	}
	if bits, ok := ModeOf(0xfffff).Bits(); bits != 0o7777 || !ok {
		t.Errorf("ModeOf(0xfffff).Bits() = %#o, %v", bits, ok)
	}
	if bits, ok := Mode(0).Bits(); bits != 0 || ok {
		t.Errorf("Mode(0).Bits() = %#o, %v", bits, ok)
	}
}
