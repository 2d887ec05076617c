package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestRoundTrip: Parse(Encode(m)) is m but for positions, for manifests drawn
// from everything that Parse can return.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawManifest(t)
		var text bytes.Buffer
		if err := m.Encode(&text); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Count(text.String(), "\n"), len(m.Ops)+1; got != want {
			t.Errorf("%d lines for %d ops:\n%s", got, len(m.Ops), &text)
		}
		sameAfterParse(t, m, text.Bytes())
	})
}

// sameAfterParse checks that text says m.
func sameAfterParse(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *Manifest, text []byte,
) {
	t.Helper()
	got, err := Parse(m.Name, bytes.NewReader(text))
	if err != nil {
		t.Fatalf("Parse after Encode: %v\n%s", err, text)
	}
	for i := range got.Ops {
		got.Ops[i].Line, got.Ops[i].Col = 0, 0
	}
	if !reflect.DeepEqual(got, m) {
		t.Fatalf("Encode, then Parse:\n got %+v\nwant %+v\n%s", got, m, text)
	}
}

func drawManifest(t *rapid.T) *Manifest {
	return &Manifest{
		ID:      rapid.StringMatching(`[^\pC]{0,20}`).Draw(t, "id"),
		Message: rapid.String().Draw(t, "message"),
		Name:    "m.json",
		Ops:     rapid.SliceOfN(rapid.Custom(drawOp), 0, 5).Filter(notEmpty).Draw(t, "ops"),
	}
}

// notEmpty: Parse leaves Ops nil for an empty array.
func notEmpty(ops []Op) bool { return ops == nil || len(ops) > 0 }

func drawOp(t *rapid.T) Op {
	op := Op{Kind: Kind(rapid.IntRange(int(Write), int(Tree)).Draw(t, "kind"))}
	flag := func(label string) bool { return rapid.Bool().Draw(t, label) }
	if op.Kind == Rename {
		op.From, op.To = drawPath(t), drawPath(t)
		op.Replace = flag("replace")
	} else {
		op.Path = drawPath(t)
	}
	if creating.has(op.Kind) {
		op.RequireParents = flag("parents")
	}
	if guarded.has(op.Kind) {
		op.Expect = drawExpect(t)
	}
	switch op.Kind {
	case Write:
		drawWrite(t, &op)
	case Remove:
		op.Recursive, op.MissingOK = flag("recursive"), flag("missing")
	case Mkdir:
		op.Mode = drawMode(t)
	case Symlink:
		op.Target = drawName(t)
	case Chmod:
		op.Mode = ModeOf(rapid.Uint32().Draw(t, "mode"))
	case Tree:
		op.Source, op.Prune, op.Move, op.Times = drawName(t), flag("prune"), flag("move"), flag("times")
		op.Exclude = rapid.SliceOf(rapid.StringMatching(`(\*\*/)?[a-zé]+\*?`)).Draw(t, "exclude")
		if len(op.Exclude) == 0 {
			op.Exclude = nil
		}
	}
	return op
}

func drawWrite(t *rapid.T, op *Op) {
	switch rapid.IntRange(0, 2).Draw(t, "from") {
	case 0:
		op.Source = drawName(t)
	case 1:
		op.Content = append([]byte{}, rapid.String().Draw(t, "content")...)
	case 2:
		op.Content = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...)
	}
	op.Mode = drawMode(t)
	if rapid.Bool().Draw(t, "sum") {
		sum := drawSum(t)
		op.SHA256 = &sum
	}
	if rapid.Bool().Draw(t, "json") {
		op.Format = "json"
		op.Schema = rapid.SampledFrom([]string{"", "s.json"}).Draw(t, "schema")
	}
}

func drawPath(t *rapid.T) string {
	return rapid.String().Filter(func(s string) bool {
		clean, err := CleanPath(s, false)
		return err == nil && clean == s
	}).Draw(t, "path")
}

func drawName(t *rapid.T) string {
	return rapid.StringMatching(`[^\x00]{1,30}`).Draw(t, "name")
}

func drawMode(t *rapid.T) Mode {
	return rapid.OneOf(rapid.Just(Mode(0)), rapid.Map(rapid.Uint32(), ModeOf)).Draw(t, "mode")
}

func drawSum(t *rapid.T) [32]byte {
	return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
}

func drawExpect(t *rapid.T) Expect {
	e := Expect{State: rapid.SampledFrom([]ExpectState{ExpectNothing, ExpectAbsent, ExpectPresent, ExpectSHA256}).Draw(t, "expect")}
	if e.State == ExpectSHA256 {
		e.SHA256 = drawSum(t)
	}
	return e
}

func TestEncodeErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Manifest
		want string
	}{
		{"no kind", Manifest{Ops: []Op{{Kind: Mkdir, Path: "a"}, {}}}, "/ops/1: Kind(0): unknown kind of op"},
		{"path not UTF-8", Manifest{Ops: []Op{{Kind: Mkdir, Path: "a\xff"}}}, `/ops/0: "a\xff": not UTF-8, which JSON cannot carry`},
		{"id not UTF-8", Manifest{ID: "\xff"}, `"\xff": not UTF-8, which JSON cannot carry`},
	} {
		if err := tt.m.Encode(new(bytes.Buffer)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: Encode: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// An error of the writer is returned, at whichever byte it strikes.
func TestEncodeWriteError(t *testing.T) {
	m := Manifest{Ops: []Op{{Kind: Write, Path: "a", Content: make([]byte, 200<<10)}}}
	var whole bytes.Buffer
	if err := m.Encode(&whole); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += 10_007 {
		if err := m.Encode(&failingWriter{left: n}); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("writer fails after %d bytes: got %v, want %v", n, err, iotest.ErrTimeout)
		}
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	w.left -= n
	if n < len(p) {
		return n, iotest.ErrTimeout
	}
	return n, nil
}

// Nil content without a source, as a caller in Go may have it, is empty.
func TestEncodeNilContent(t *testing.T) {
	var text bytes.Buffer
	if err := (&Manifest{Ops: []Op{{Kind: Write, Path: "a"}}}).Encode(&text); err != nil {
		t.Fatal(err)
	}
	sameAfterParse(t, &Manifest{Ops: []Op{{Kind: Write, Path: "a", Content: []byte{}}}}, text.Bytes())
}
