package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// TestDecompress reads what is compressed in each way, whole and cut anywhere: a cut one is an error of the input.
func TestDecompress(t *testing.T) {
	const text = "some text that is long enough to be compressed, compressed, compressed, compressed"
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(z, text)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{text, gz.String(), zst.String(), ""} {
		for n := range len(in) + 1 {
			var got []byte
			r, err := decompress(iotest.OneByteReader(strings.NewReader(in[:n])))
			if err == nil {
				got, err = io.ReadAll(r)
				_ = r.Close()
			}
			want := text
			if in == text || in == "" || n < 2 { // not compressed
				want = in[:n]
			}
			whole := n == len(in) || want == in[:n] || n < 4 && in == zst.String()
			if whole && n >= 4 && (err != nil || string(got) != want) || !whole && !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%q of %q: got %q, %v", in[:n], in, got, err)
			}
		}
	}
	for _, in := range []string{"BZh91AY", "\xfd7zXZ\x00"} {
		if _, err := decompress(strings.NewReader(in)); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: got error %v, want one of the input", in, err)
		}
	}
	broken := &fs.PathError{Op: "read", Path: "x", Err: errors.New("broken")}
	r, err := decompress(io.MultiReader(bytes.NewReader(gz.Bytes()[:20]), iotest.ErrReader(broken)))
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, broken) || errors.Is(err, fs.ErrInvalid) {
		t.Errorf("an error of the system: got %v", err)
	}
}
