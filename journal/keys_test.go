package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	cockroach "github.com/cockroachdb/errors"
	bolt "go.etcd.io/bbolt"
)

func lookup(t testing.TB, j *DB, key string) (Remembered, bool) {
	t.Helper()
	m, ok, err := j.Lookup(key)
	if err != nil {
		t.Fatalf("Lookup %q: %v", key, err)
	}
	return m, ok
}

// A key outlives its finished record, and goes with one that did not take effect.
func TestKeyLife(t *testing.T) {
	for _, tc := range []struct {
		name  string
		state State
		keep  bool
	}{
		{"finished", Decided, true},
		{"rolled back", Aborting, false},
		{"abandoned", Abandoned, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, r := open(t), sample(1)
			put(t, j, r)
			m, ok := lookup(t, j, r.Key)
			if !ok || m.ID != r.ID || string(m.Ops) != string(r.Ops) {
				t.Fatalf("Lookup after Put = %+v, %v; want %s and %x", m, ok, r.ID, r.Ops)
			}
			if tc.state != Decided {
				if err := j.SetState(r, tc.state); err != nil {
					t.Fatal(err)
				}
			}
			if err := j.Delete(r); err != nil {
				t.Fatal(err)
			}
			if _, ok := lookup(t, j, r.Key); ok != tc.keep {
				t.Errorf("the key is remembered: %v, want %v", ok, tc.keep)
			}
			if k, o := count(t, j, bucketKeys), count(t, j, bucketOrder); k != o {
				t.Errorf("%d keys and %d in order", k, o)
			}
			want(t, j)
		})
	}
}

// A key that was forgotten can be given again; one that is remembered cannot.
func TestKeyAgain(t *testing.T) {
	j, r := open(t), sample(1)
	put(t, j, r)
	other := sample(2)
	other.Key = r.Key
	if err := j.Put(nil, other); !cockroach.HasAssertionFailure(err) {
		t.Fatalf("Put with a remembered key = %v, want an assertion failure", err)
	}
	want(t, j, r)
	if err := j.SetState(r, Aborting); err != nil {
		t.Fatal(err)
	}
	if err := j.Delete(r); err != nil {
		t.Fatal(err)
	}
	put(t, j, other)
	if m, ok := lookup(t, j, other.Key); !ok || m.ID != other.ID {
		t.Errorf("Lookup = %+v, %v; want %s", m, ok, other.ID)
	}
}

// Keys of any bytes are told apart, and no key needs no room.
func TestKeyNames(t *testing.T) {
	j := open(t)
	keys := []string{"a", "a\x00", "ä", strings.Repeat("k", 1000), "\xff\xfe"}
	for i, k := range keys {
		r := sample(i)
		r.Key = k
		put(t, j, r)
	}
	r := sample(99)
	r.Key = ""
	put(t, j, r)
	for i, k := range keys {
		if m, ok := lookup(t, j, k); !ok || m.ID != id(i) {
			t.Errorf("Lookup %q = %+v, %v; want %s", k, m, ok, id(i))
		}
	}
	if n := count(t, j, bucketKeys); n != len(keys) {
		t.Errorf("%d keys are remembered, want %d", n, len(keys))
	}
}

// The last RememberedKeys are remembered, in the order of their puts. They are written in one change each 1,000 to be
// quick: what is looked at is remember, which Put calls.
func TestForgetOldest(t *testing.T) {
	j := open(t)
	const more = 1234
	key := func(n int) string { return fmt.Sprintf("key-%d", n) }
	for n := 0; n < RememberedKeys+more; {
		if err := j.update(func(tx *bolt.Tx) error {
			for range 1000 {
				r := sample(n)
				r.ID[0], r.ID[1] = byte(n>>24), byte(n>>16)
				if r.Key = key(n); n >= RememberedKeys+more {
					return nil
				}
				if err := remember(tx, r); err != nil {
					return fmt.Errorf("key %d: %w", n, err)
				}
				n++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range RememberedKeys + more {
		if _, ok := lookup(t, j, key(n)); ok != (n >= more) {
			t.Fatalf("key %d is remembered: %v", n, ok)
		}
	}
	if k, o := count(t, j, bucketKeys), count(t, j, bucketOrder); k != RememberedKeys || o != RememberedKeys {
		t.Errorf("%d keys and %d in order, want %d", k, o, RememberedKeys)
	}
	if err := j.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// A damaged value of a key is noticed when it is used.
func TestKeyDamaged(t *testing.T) {
	for name, damage := range map[string]func(v []byte) []byte{
		"bit of the content": func(v []byte) []byte { v[3] ^= 1; return v },
		"bit of the sum":     func(v []byte) []byte { v[len(v)-1] ^= 0x80; return v },
		"cut":                func(v []byte) []byte { return v[:len(v)-1] },
		"short":              func([]byte) []byte { return []byte{1} },
		"another key's":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			j := open(t)
			put(t, j, sample(1))
			put(t, j, sample(2))
			if err := j.update(func(tx *bolt.Tx) error {
				b := tx.Bucket(bucketKeys)
				v := append([]byte(nil), b.Get([]byte("key-2"))...)
				if damage == nil {
					v = append([]byte(nil), b.Get([]byte("key-1"))...)
				} else {
					v = damage(v)
				}
				return b.Put([]byte("key-2"), v)
			}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := j.Lookup("key-2"); !errors.Is(err, ErrJournal) {
				t.Errorf("Lookup = %v, want ErrJournal", err)
			}
			if err := j.Put(nil, sample(3)); !errors.Is(err, ErrJournal) {
				t.Errorf("Put after it = %v, want ErrJournal", err)
			}
			if _, ok := lookup(t, j, "key-1"); !ok {
				t.Error("the other key is forgotten")
			}
		})
	}
}

// A number in the order that is not its key's must not make all keys look old.
func TestOrderDamaged(t *testing.T) {
	j := open(t)
	put(t, j, sample(1))
	if err := j.update(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketOrder).Put([]byte{0x40, 0, 0, 0, 0, 0, 0, 1}, []byte("key-1"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := j.Put(nil, sample(2)); !errors.Is(err, ErrJournal) {
		t.Errorf("Put = %v, want ErrJournal", err)
	}
	if _, ok := lookup(t, j, "key-1"); !ok {
		t.Error("the key was forgotten")
	}
}
