package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
)

var update = flag.Bool("update", false, "write the golden records anew")

// The bytes of a record are part of the format: a record of version 1 must be read for ever. A change here is a new
// recordVersion, with the old golden file kept and read.
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name string
		rec  *Record
	}{
		{"full", sample(1)},
		{"least", &Record{ID: id(2), State: Decided, Stage: Inode{Ino: 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, payload, err := encode(tc.rec)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "record-v1-"+tc.name+".golden")
			got := fmt.Sprintf("%x\n%s", h.encode(), lines(payload))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(golden) {
				t.Errorf("the record is encoded as\n%s\nwant\n%s", got, golden)
			}
			head, rest, _ := strings.Cut(string(golden), "\n")
			back, err := decodeRecord(tc.rec.ID[:], unhex(t, head), unhex(t, strings.ReplaceAll(rest, "\n", "")))
			if err != nil || !reflect.DeepEqual(back, tc.rec) {
				t.Errorf("decode = %+v, %v\nwant %+v", back, err, tc.rec)
			}
		})
	}
}

func lines(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		n := min(len(b), 32)
		fmt.Fprintf(&out, "%x\n", b[:n])
		b = b[n:]
	}
	return out.String()
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decodeRecord(key, head, payload []byte) (*Record, error) {
	h, err := decodeHeader(head)
	if err != nil {
		return nil, err
	}
	return decode([16]byte(key), h, payload)
}

// A header with one bit changed, cut or lengthened is refused, and so is a newer version with a right checksum.
func TestHeaderRefused(t *testing.T) {
	h, _, err := encode(sample(1))
	if err != nil {
		t.Fatal(err)
	}
	good := h.encode()
	if _, err := decodeHeader(good); err != nil {
		t.Fatalf("the header itself: %v", err)
	}
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeHeader(b); !errors.Is(err, ErrJournal) {
			t.Errorf("with bit %d flipped: %v, want ErrJournal", bit, err)
		}
	}
	for n := range good {
		if _, err := decodeHeader(good[:n]); !errors.Is(err, ErrJournal) {
			t.Errorf("cut to %d bytes: %v, want ErrJournal", n, err)
		}
	}
	if _, err := decodeHeader(append(bytes.Clone(good), 0)); !errors.Is(err, ErrJournal) {
		t.Errorf("one byte longer: %v, want ErrJournal", err)
	}
	for _, tc := range []struct {
		at   int
		to   byte
		says string
	}{{4, 2, "version 2"}, {5, 0, "state 0"}, {5, 5, "state 5"}, {6, 2, "unknown"}, {7, 1, "unknown"}, {8, 1, "length"}, {12, 1, "length"}, {18, 0xff, "length"}} {
		b := bytes.Clone(good)
		b[tc.at] = tc.to
		_, err := decodeHeader(sealed(b))
		if !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("with byte %d = %d: %v, want ErrJournal that says %q", tc.at, tc.to, err, tc.says)
		}
	}
}

// sealed gives a header the checksum that it needs.
func sealed(b []byte) []byte {
	h := header{}.encode()
	copy(h, b[:28])
	return append(h[:28], sum(h[:28])...)
}

func sum(b []byte) []byte {
	s := xxh3.Hash(b)
	return []byte{byte(s >> 56), byte(s >> 48), byte(s >> 40), byte(s >> 32), byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)}
}

// forge returns the header and the payload of any content, with the checksums that it needs.
func forge(payload []byte) (header, []byte) {
	return header{
		state:  Decided,
		chunks: uint32((len(payload) + chunkSize - 1) / chunkSize),
		length: uint64(len(payload)),
		sum:    xxh3.Hash(payload),
	}, payload
}

// What is no CBOR of a record, or more than one, is refused.
func TestPayloadRefused(t *testing.T) {
	_, good, err := encode(sample(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{
		"empty":           {},
		"not a map":       {0x80},
		"trailing data":   append(bytes.Clone(good), 0),
		"cut":             good[:len(good)-1],
		"unknown field":   {0xa1, 0x18, 0x63, 0x01},
		"duplicate field": {0xa2, 0x04, 0x01, 0x04, 0x02},
		"huge array":      {0xa1, 0x0b, 0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
		"huge string":     {0xa1, 0x05, 0x7b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff},
		"deep":            append(bytes.Repeat([]byte{0x81}, 10000), 0),
		"indefinite":      {0xbf, 0xff},
		"tag":             {0xc0, 0xa0},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := forge(payload)
			if r, err := decode(id(1), h, p); !errors.Is(err, ErrJournal) {
				t.Errorf("decode = %+v, %v; want ErrJournal", r, err)
			}
		})
	}
	h, p := forge(good)
	p = bytes.Clone(p)
	p[len(p)/2] ^= 1
	if _, err := decode(id(1), h, p); !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a changed payload: %v, want that the checksum is wrong", err)
	}
}

// Whatever is decoded stays inside the root and its own tables, and is the same record when it is encoded and decoded
// again; a header is the same bytes. (CBOR says one thing in several ways, of which encode uses one.)
func FuzzRecord(f *testing.F) {
	for _, r := range []*Record{sample(1), big(2, 10), {ID: id(3), State: Decided, Stage: Inode{Ino: 1}}} {
		h, payload, err := encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(h.encode(), payload)
		r.Parents = append(r.Parents, Parent{Path: "../out", Inode: Inode{Ino: 1}})
		if _, payload, err = encode(r); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte{}, payload)
	}
	f.Fuzz(func(t *testing.T, head, payload []byte) {
		if h, err := decodeHeader(head); err == nil && !bytes.Equal(h.encode(), head) {
			t.Errorf("header %x is encoded as %x", head, h.encode())
		}
		// A fuzzer does not find checksums: it is given them.
		h, _ := forge(payload)
		if len(head) >= 28 {
			if given, err := decodeHeader(sealed(head)); err == nil {
				h.state = given.state
			}
		}
		r, err := decode(id(1), h, payload)
		if err != nil {
			if !errors.Is(err, ErrJournal) {
				t.Errorf("decode = %v, want ErrJournal", err)
			}
			return
		}
		inside(t, r)
		h, again, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(r.ID, h, again)
		if err != nil || !bytes.Equal(mustEncode(t, back), again) {
			t.Errorf("decoded %x, encoded %x, decoded again %+v, %v", payload, again, back, err)
		}
	})
}

// inside fails if a step of r leads out of the root or into a state folder, or beyond the record's tables.
func inside(t *testing.T, r *Record) {
	t.Helper()
	for i := range r.Steps {
		s := &r.Steps[i]
		paths := []string{r.Path(s)}
		if s.Kind == Move {
			paths = append(paths, r.ToPath(s))
		}
		for _, p := range paths {
			if path.IsAbs(p) || path.Clean(p) != p || strings.HasPrefix(p+"/", "../") || p == "." ||
				strings.Contains("/"+p+"/", "/"+StateFolder+"/") || strings.Contains(p, "\x00") {
				t.Errorf("step %d leads to %q", i, p)
			}
		}
		if s.Kind <= Remove && strings.ContainsAny(r.Subs[s.Sub].Name, "/\x00") {
			t.Errorf("step %d stages in %q", i, r.Subs[s.Sub].Name)
		}
	}
}

func mustEncode(t *testing.T, r *Record) []byte {
	t.Helper()
	_, payload, err := encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
