package journal

import (
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
