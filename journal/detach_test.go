package journal

import (
	"errors"
	"reflect"
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
	r := durable(big(1, 100))
	lists, err := r.Detach()
	if err != nil || lists == nil {
		t.Fatalf("Detach = %d bytes, %v; want the lists", len(lists), err)
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
	if !reflect.DeepEqual(got, r) {
		t.Errorf("after Attach: got %+v, want %+v", got, r)
	}
	small := durable(&Record{ID: id(2), State: Decided, Stage: Inode{Ino: 10}})
	if lists, err := small.Detach(); lists != nil || err != nil || small.Beside != nil {
		t.Errorf("Detach of a small record = %d bytes, %v; want it whole", len(lists), err)
	}
	process := big(3, 100)
	if lists, err := process.Detach(); lists != nil || err != nil {
		t.Errorf("Detach of level process = %d bytes, %v; want it whole", len(lists), err)
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
