package manifest

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzParse: whatever is accepted has only paths that are clean and below the
// root, and is the same after Encode and Parse; whatever is not accepted gets
// an *Error whose position lies in the text.
func FuzzParse(f *testing.F) {
	for _, tt := range slices.Concat(textErrors, manifestErrors, opErrors, valueErrors) {
		if len(tt.text) < 500 {
			f.Add([]byte(tt.text))
		}
	}
	f.Add([]byte(contractManifest))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse("m.json", bytes.NewReader(text))
		if err != nil {
			checkError(t, text, err)
			return
		}
		for i := range m.Ops {
			checkPaths(t, &m.Ops[i])
			m.Ops[i].Line, m.Ops[i].Col = 0, 0
		}
		var again bytes.Buffer
		if err := m.Encode(&again); err != nil {
			t.Fatal(err)
		}
		sameAfterParse(t, m, again.Bytes())
	})
}

func checkError(t *testing.T, text []byte, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error is a %T: %v", err, err)
	}
	lines := bytes.Split(text, []byte{'\n'})
	if e.Line < 1 || e.Line > len(lines) || e.Col < 1 || e.Col > len(lines[e.Line-1])+1 {
		t.Fatalf("position %d:%d is not in the text", e.Line, e.Col)
	}
	if strings.ContainsFunc(err.Error(), notPrint) {
		t.Fatalf("error cannot be printed: %q", err)
	}
}

func checkPaths(t *testing.T, op *Op) {
	paths := []string{op.Path}
	if op.Kind == Rename {
		paths = []string{op.From, op.To}
	}
	for _, p := range paths {
		clean, err := CleanPath(p, op.Kind == Tree)
		if err != nil || clean != p {
			t.Errorf("CleanPath(%q) = %q, %v; want it unchanged", p, clean, err)
		}
		joined := filepath.Join("/root", filepath.FromSlash(p))
		if below := strings.HasPrefix(joined, "/root/"); !below && (p != "." || op.Kind != Tree) {
			t.Errorf("path %q of a %s leaves the root", p, op.Kind)
		}
	}
}
