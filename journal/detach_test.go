package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// durable makes a record one of level sync.
func durable(r *Record) *Record {
	r.Process, r.Boot, r.Mount = false, "", 0
	return r
}

// A large record goes into the journal without its lists, and is whole again when it gets them back; any others are
// refused.
func TestDetach(t *testing.T) {
	path := fresh(t)
	j := reopen(t, path)
	r := durable(big(1, 3000)) // several parts
	var made []Made
	for i := range 1500 {
		made = append(made, Made{Step: 1, Path: fmt.Sprintf("a/%d", i), Kind: 1, Inode: Inode{Ino: uint64(i)}, Seal: 5})
	}
	whole := *r
	whole.Made = made
	as := lists{Subs: r.Subs, Parents: r.Parents, Steps: r.Steps, Made: made}
	lists := detach(t, r, made...)
	var want bytes.Buffer
	if err := canonical.MarshalToBuffer(&as, &want); err != nil || !bytes.Equal(lists, want.Bytes()) {
		t.Fatalf("Detach wrote %d bytes, want the %d of the whole (%v)", len(lists), want.Len(), err)
	}
	put(t, j, r)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = reopen(t, path)
	all, err := j.Records()
	if err != nil || len(all) != 1 || !all[0].Detached() {
		t.Fatalf("Records = %+v, %v; want one detached record", all, err)
	}
	got := all[0]
	for name, bad := range map[string][]byte{
		"none": nil, "cut": lists[:len(lists)-1], "longer": append(lists[:len(lists):len(lists)], 0), "other": append([]byte{lists[0] ^ 1}, lists[1:]...),
	} {
		if err := got.Attach(bad); !errors.Is(err, ErrJournal) || !got.Detached() {
			t.Errorf("Attach of %s lists = %v, want ErrJournal", name, err)
		}
	}
	if err := got.Attach(lists); err != nil {
		t.Fatalf("Attach: %v", err)
	}
	if whole.Beside = r.Beside; !reflect.DeepEqual(got, &whole) {
		t.Errorf("after Attach: got %+v, want %+v", got, whole)
	}
	small := durable(sample(2))
	if lists := detach(t, small, made[:2]...); lists != nil || small.Beside != nil || len(small.Made) != 2 {
		t.Errorf("Detach of a small record = %d bytes; want it whole", len(lists))
	}
	process := big(3, 100)
	if lists := detach(t, process); lists != nil {
		t.Errorf("Detach of level process = %d bytes; want it whole", len(lists))
	}
}

// detach returns what Detach writes, nil if nothing.
func detach(t *testing.T, r *Record, made ...Made) []byte {
	t.Helper()
	var to *bytes.Buffer
	if err := r.Detach(len(made), slices.Values(made), func() (io.Writer, error) { to = new(bytes.Buffer); return to, nil }); err != nil {
		t.Fatalf("Detach: %v", err)
	}
	if to == nil {
		return nil
	}
	return to.Bytes()
}

// A record that recovery could not read is not written, and an error of the file is told.
func TestDetachErrors(t *testing.T) {
	good := Made{Step: 1, Path: "a", Kind: 1}
	outside := good
	outside.Path = "../x"
	for _, tt := range []struct {
		name  string
		steps string
		n     int
		made  Made
		err   error
	}{
		{name: "step", steps: "../x", n: 1, made: good},
		{name: "entry", steps: "x", n: 1, made: outside},
		{name: "count", steps: "x", n: 2, made: good},
		{name: "create", steps: "x", n: 1, made: good, err: fs.ErrPermission},
	} {
		r := durable(big(1, 100))
		r.Steps[7].Name = tt.steps
		err := r.Detach(tt.n, slices.Values([]Made{tt.made}), func() (io.Writer, error) { return io.Discard, tt.err })
		if err == nil || tt.err != nil && !errors.Is(err, tt.err) || r.Beside != nil {
			t.Errorf("%s: got %v, beside %v", tt.name, err, r.Beside)
		}
	}
}

// A record that is to be kept becomes kept where another one is deleted, by a put and by Delete, and goes the next time.
// One that has failed is deleted like any other.
func TestKept(t *testing.T) {
	j := reopen(t, fresh(t))
	states := func() map[uuid.UUID]State {
		all, err := j.Records()
		if err != nil {
			t.Fatal(err)
		}
		m := map[uuid.UUID]State{}
		for _, r := range all {
			m[r.ID] = r.State
		}
		return m
	}
	a, b, c := sample(1), sample(2), sample(3)
	a.Keep, c.Keep = true, true
	put(t, j, a)
	put(t, j, b, a.ID)
	if got, want := states(), (map[uuid.UUID]State{a.ID: Kept, b.ID: Decided}); !reflect.DeepEqual(got, want) {
		t.Errorf("after a put that ends a kept record: %v, want %v", got, want)
	}
	put(t, j, c, a.ID, b.ID)
	if got, want := states(), (map[uuid.UUID]State{c.ID: Decided}); !reflect.DeepEqual(got, want) {
		t.Errorf("after a put that ends it again: %v, want %v", got, want)
	}
	if err := j.SetState(c, Aborting); err != nil {
		t.Fatal(err)
	}
	if err := j.Delete(c); err != nil || len(states()) > 0 {
		t.Errorf("after Delete of a failed one: %v, %v; want none", states(), err)
	}
}

// The end of an undo forgets the key of what it has undone, also when both change together.
func TestForgets(t *testing.T) {
	j := reopen(t, fresh(t))
	a, b := sample(1), sample(2)
	a.Key, b.Key, b.Undoes = "once", "", &Undone{Key: "once", ID: a.ID}
	put(t, j, a)
	put(t, j, b, a.ID)
	if _, ok, err := j.Lookup("once"); err != nil || !ok {
		t.Fatalf("Lookup before the end = %v, %v", ok, err)
	}
	if !b.Hasty() {
		t.Error("a record that forgets a key is not hasty")
	}
	if err := j.Forget(b); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := j.Lookup("once"); err != nil || ok {
		t.Errorf("Lookup after Forget = %v, %v; want it forgotten", ok, err)
	}
	c := sample(3)
	c.Key = "once"
	put(t, j, c)
	if err := j.Delete(b); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := j.Lookup("once"); err != nil || !ok {
		t.Errorf("Lookup after another transaction has got the key = %v, %v; want it remembered", ok, err)
	}
}
