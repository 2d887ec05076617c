package journal

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	cockroach "github.com/cockroachdb/errors"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// model is what a journal must hold.
type model struct {
	t    *rapid.T
	path string
	j    *DB
	next int
	all  []*Record
	keys map[string]uuid.UUID
}

// Any sequence of puts, transitions, deletions, settlings and reopenings leaves what a list and a map would, and a file
// that verify and bbolt's own check find whole.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, path: fresh(t), keys: map[string]uuid.UUID{}}
		m.reopen()
		defer func() { _ = m.j.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"put": m.put, "state": m.state, "delete": m.remove, "reopen": func(*rapid.T) { m.reopen() },
			"settle": func(*rapid.T) { m.must(m.j.Settle(nil)) },
			"":       m.check,
		})
	})
}

func (m *model) must(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) reopen() {
	if m.j != nil {
		m.must(m.j.Close())
	}
	j, err := Open(os.OpenFile, m.path)
	m.must(err)
	m.j = j
}

func (m *model) put(t *rapid.T) {
	m.next++
	r := big(m.next, rapid.IntRange(0, 700).Draw(t, "steps"))
	if rapid.Bool().Draw(t, "keyless") {
		r.Key = ""
	}
	var done []uuid.UUID
	m.all = slices.DeleteFunc(m.all, func(o *Record) bool {
		finished := o.State == Decided && rapid.Bool().Draw(t, fmt.Sprintf("finished %s", o.ID))
		if finished {
			done = append(done, o.ID)
		}
		return finished
	})
	m.must(m.j.Put(done, r))
	m.all = append(m.all, r)
	if r.Key != "" {
		m.keys[r.Key] = r.ID
	}
}

func (m *model) pick(t *rapid.T) (int, *Record) {
	if len(m.all) == 0 {
		t.Skip("no record")
	}
	i := rapid.IntRange(0, len(m.all)-1).Draw(t, "record")
	return i, m.all[i]
}

func (m *model) state(t *rapid.T) {
	_, r := m.pick(t)
	from, to := r.State, State(rapid.IntRange(0, 4).Draw(t, "to"))
	err := m.j.SetState(r, to)
	legal := slices.Contains(transitions[from], to)
	if legal && err != nil || !legal && !cockroach.HasAssertionFailure(err) {
		t.Fatalf("SetState %s to %s = %v", from, to, err)
	}
}

func (m *model) remove(t *rapid.T) {
	i, r := m.pick(t)
	m.must(m.j.Delete(r))
	if r.State != Decided {
		delete(m.keys, r.Key)
	}
	m.all = slices.Delete(m.all, i, i+1)
}

func (m *model) check(t *rapid.T) {
	got, err := m.j.Records()
	m.must(err)
	if len(got) != len(m.all) || len(got) > 0 && !reflect.DeepEqual(got, m.all) {
		t.Fatalf("records = %s\nwant %s", describe(got), describe(m.all))
	}
	for n := 1; n <= m.next; n++ {
		key := fmt.Sprintf("key-%d", n)
		r, ok, err := m.j.Lookup(key)
		m.must(err)
		if at, known := m.keys[key]; ok != known || ok && r.ID != at {
			t.Fatalf("Lookup %s = %+v, %v; want %s, %v", key, r, ok, at, known)
		}
	}
	m.must(m.j.Check())
	f, err := os.Open(m.path)
	m.must(err)
	defer f.Close()
	m.must(verify(f))
}
