package journal

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	cockroach "github.com/cockroachdb/errors"
)

// forgeries are changes of a record that make it invalid.
var forgeries = map[string]func(r *Record){
	"no stage inode":     func(r *Record) { r.Stage = Inode{Born: 5} },
	"no parent inode":    func(r *Record) { r.Parents[0].Inode = Inode{} },
	"no sub inode":       func(r *Record) { r.Subs[0].Inode = Inode{} },
	"kind 0":             func(r *Record) { r.Steps[0].Kind = 0 },
	"kind 5":             func(r *Record) { r.Steps[0].Kind = 5 },
	"kind 255":           func(r *Record) { r.Steps[0].Kind = 255 },
	"parent index":       func(r *Record) { r.Steps[0].Parent = 2 },
	"parent index, huge": func(r *Record) { r.Steps[0].Parent = math.MaxUint32 },
	"no parents":         func(r *Record) { r.Parents = nil },
	"sub index":          func(r *Record) { r.Steps[0].Sub = 1 },
	"sub index, huge":    func(r *Record) { r.Steps[2].Sub = math.MaxUint32 },
	"no subs":            func(r *Record) { r.Subs = nil },
	"new parent index":   func(r *Record) { r.Steps[4].ToParent = 2 },
	"no staged inode":    func(r *Record) { r.Steps[0].New = Inode{} },
	"no placeholder":     func(r *Record) { r.Steps[2].New = Inode{} },
	"nothing to remove":  func(r *Record) { r.Steps[2].Old = Entry{} },
	"nothing to chmod":   func(r *Record) { r.Steps[3].Old = Entry{} },
	"nothing to move":    func(r *Record) { r.Steps[4].Old = Entry{} },
	"a file to move":     func(r *Record) { r.Steps[4].Old.Kind = 1 },
	"old kind":           func(r *Record) { r.Steps[0].Old.Kind = 5 },
	"old without inode":  func(r *Record) { r.Steps[0].Old.Inode = Inode{} },
	"inode of nothing":   func(r *Record) { r.Steps[1].Old.Inode = Inode{Ino: 9} },
	"mode":               func(r *Record) { r.Steps[3].Mode = 0o10000 },
	"old mode":           func(r *Record) { r.Steps[3].Was = 0xffff },
	"unknown flag":       func(r *Record) { r.Steps[0].Flags |= 1 << 7 },
	"flag of a remove":   func(r *Record) { r.Steps[0].Flags |= Empty },
	"flag of an install": func(r *Record) { r.Steps[2].Flags |= Linked },
	"chmod with flag":    func(r *Record) { r.Steps[3].Flags |= Relinked },
	"state folder":       func(r *Record) { r.Steps[1].Name = StateFolder },
	"new name in it":     func(r *Record) { r.Steps[4].ToParent, r.Steps[4].ToName = 0, StateFolder },
	"parent in it":       func(r *Record) { r.Parents[1].Path = StateFolder + "/stage" },
	"parent is it":       func(r *Record) { r.Parents[1].Path = StateFolder },
	"parent in a nested": func(r *Record) { r.Parents[1].Path = "a/" + StateFolder + "/stage" },
	"parent trailing":    func(r *Record) { r.Parents[1].Path = "a/" },
	"parent with dot":    func(r *Record) { r.Parents[1].Path = "./a" },
	"parent up inside":   func(r *Record) { r.Parents[1].Path = "a/../../b" },
	"target outer":       func(r *Record) { r.Steps[1].Name = OuterName(r.ID.String(), 0) },
	"parent in an outer": func(r *Record) { r.Parents[1].Path = "a/" + OuterName(r.ID.String(), 0) },
	"outer, kept":        func(r *Record) { r.Subs[0].Name = OuterName(r.ID.String(), 0); r.Keep = true },
	"outer, process":     func(r *Record) { r.Subs[0].Name = OuterName(r.ID.String(), 0); r.Process = true },
}

// outers are names of subfolders that are no outer folder of the record.
var outers = map[string]func(id string) string{
	"no parent":       func(id string) string { return "elsewhere/" + OuterName(id, 0) },
	"up":              func(id string) string { return "../" + OuterName(id, 0) },
	"up inside":       func(id string) string { return "a/../" + OuterName(id, 0) },
	"absolute":        func(id string) string { return "/" + OuterName(id, 0) },
	"double slash":    func(id string) string { return "/a/" + OuterName(id, 0) },
	"state folder":    func(id string) string { return StateFolder + "/" + OuterName(id, 0) },
	"of another":      func(string) string { return OuterName("019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a40", 0) },
	"no number":       func(id string) string { return outerPrefix + id + "-" },
	"leading zero":    func(id string) string { return outerPrefix + id + "-00" },
	"sign":            func(id string) string { return outerPrefix + id + "-+1" },
	"huge":            func(id string) string { return outerPrefix + id + "-10000" },
	"below":           func(id string) string { return OuterName(id, 0) + "/x" },
	"any name":        func(string) string { return "a/b" },
	"with a NUL":      func(id string) string { return "a\x00/" + OuterName(id, 0) },
	"prefix and name": func(string) string { return outerPrefix + "x" },
}

// TestOuterNames takes the one name that an outer folder of a record can have, in one of its parents, and no other.
func TestOuterNames(t *testing.T) {
	for _, host := range []string{".", "a"} {
		r := sample(1)
		r.Keep, r.Process = false, false
		r.Parents[0].Path, r.Parents[1].Path = ".", "a"
		r.Subs[0] = OuterSub(host, OuterName(r.ID.String(), 9999), r.Subs[0].Inode)
		if at, name, ok := r.Subs[0].Outer(); at != host || name != OuterName(r.ID.String(), 9999) || !ok || !IsOuter(name) {
			t.Errorf("in %s: %q %q %t", host, at, name, ok)
		}
		h, payload, err := encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(r.ID, h, payload); err != nil {
			t.Errorf("in %s: %v", host, err)
		}
	}
	if n := OuterName("019A1F0E-5D5C-7CC8-A9A5-0D1F6C1B2A40", 0); IsOuter(n) {
		t.Errorf("%q is taken for the name of an outer folder", n)
	}
	for name := range outers {
		if n := outers[name](sample(1).ID.String()); name != "of another" && !strings.Contains(n, "/") && IsOuter(n) {
			t.Errorf("%q is taken for the name of an outer folder", n)
		}
	}
}

// TestOuterNotes reads back what was written, and nothing that was changed, cut or leads elsewhere.
func TestOuterNotes(t *testing.T) {
	n := &OuterNote{Host: "a/\xff", HostInode: Inode{Ino: 1, Born: 2}, Top: "a", TopInode: Inode{Ino: 3}}
	b, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeOuterNote(b); err != nil || *back != *n {
		t.Errorf("got %+v, %v", back, err)
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1
		for _, bad := range [][]byte{changed, b[:i]} {
			if back, err := DecodeOuterNote(bad); err == nil {
				t.Errorf("%x: got %+v", bad, back)
			}
		}
	}
	for _, p := range []string{"", "..", "../a", "/a", "a/..", "a//b", ".txcommit", "a/.txcommit/stage", "a\x00"} {
		for _, bad := range []*OuterNote{{Host: p, HostInode: n.HostInode, Top: "a", TopInode: n.TopInode}, {Host: "a", HostInode: n.HostInode, Top: p, TopInode: n.TopInode}} {
			b, err := bad.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := DecodeOuterNote(b); err == nil {
				t.Errorf("got %+v", back)
			}
		}
	}
}

// A forged record, with right checksums, is refused when it is read and when it is put.
func TestForgedRecords(t *testing.T) {
	names := map[string]string{
		"empty": "", "dot": ".", "dot dot": "..", "slash": "a/b", "absolute": "/etc", "up": "../a",
		"NUL": "a\x00b", "too long": strings.Repeat("n", 256),
	}
	forged := maps.Clone(forgeries)
	for what, name := range names {
		forged["target "+what] = func(r *Record) { r.Steps[0].Name = name }
		forged["new name "+what] = func(r *Record) { r.Steps[4].ToName = name }
		forged["sub "+what] = func(r *Record) { r.Subs[0].Name = name }
		if what != "slash" && what != "dot" {
			forged["parent "+what] = func(r *Record) { r.Parents[1].Path = name }
		}
	}
	for what, name := range outers {
		forged["outer "+what] = func(r *Record) { r.Subs[0].Name = name(r.ID.String()) }
	}
	if err := validate(sample(1)); err != nil {
		t.Fatalf("the record itself: %v", err)
	}
	for name, change := range forged {
		t.Run(name, func(t *testing.T) {
			r := sample(1)
			change(r)
			h, payload, err := encode(r)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decode(r.ID, h, payload); !errors.Is(err, ErrJournal) {
				t.Errorf("decode = %+v, %v; want ErrJournal", back, err)
			}
			j := open(t)
			if err := j.Put(nil, r); !cockroach.HasAssertionFailure(err) {
				t.Errorf("Put = %v, want an assertion failure", err)
			}
			want(t, j)
		})
	}
}
