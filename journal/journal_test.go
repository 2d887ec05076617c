package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	cockroach "github.com/cockroachdb/errors"
	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// fresh makes an empty journal, pre-grown as the store does it, and returns its path.
func fresh(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := Format(os.OpenFile, path); err != nil {
		t.Fatalf("Format: %v", err)
	}
	if err := os.Truncate(path, PregrownSize); err != nil {
		t.Fatal(err)
	}
	return path
}

func reopen(t testing.TB, path string) *DB {
	t.Helper()
	j, err := Open(os.OpenFile, path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func open(t testing.TB) *DB { t.Helper(); return reopen(t, fresh(t)) }

func id(n int) uuid.UUID { return uuid.UUID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

// sample is a record with every kind of step and every field.
func sample(n int) *Record {
	return &Record{
		ID: id(n), State: Decided, Process: true, Boot: "boot", Mount: 7,
		Created: 1700000000000000000, Message: "a message", Key: fmt.Sprintf("key-%d", n), Ops: []byte{1, 2, 3},
		Stage:   Inode{Ino: 10, Born: 11},
		Subs:    []Sub{{Name: "0", Inode: Inode{Ino: 12, Born: 13}}},
		Parents: []Parent{{Path: ".", Inode: Inode{Ino: 2, Born: 3}}, {Path: "a/b c", Inode: Inode{Ino: 4}}},
		Steps: []Step{
			{
				Kind: Install, Flags: Expect | Exchange, Parent: 1, Name: "file", Num: 0, New: Inode{Ino: 20, Born: 21}, Digest: 22,
				Old: Entry{Kind: 1, Inode: Inode{Ino: 23, Born: 24}, Size: 25, Mtime: -26},
			},
			{Kind: Install, Flags: Linked, Name: "free", Num: 1, New: Inode{Ino: 30}, Walk: 31},
			{
				Kind: Remove, Flags: Relinked | Empty, Name: "gone", Num: 2, New: Inode{Ino: 40},
				Old: Entry{Kind: 2, Inode: Inode{Ino: 41}, Walk: 42},
			},
			{Kind: Chmod, Name: "mode", Num: 3, Old: Entry{Kind: 1, Inode: Inode{Ino: 50}}, Mode: 0o4755, Was: 0o600},
			{Kind: Move, Name: "dir", Num: 4, ToParent: 1, ToName: "moved", Old: Entry{Kind: 2, Inode: Inode{Ino: 60}}},
		},
	}
}

// big is a record of many chunks.
func big(n, steps int) *Record {
	r := sample(n)
	s := r.Steps[0]
	for i := range steps {
		s.Num, s.Name = uint32(i), fmt.Sprintf("file-%06d", i)
		r.Steps = append(r.Steps, s)
	}
	return r
}

func put(t testing.TB, j *DB, r *Record, done ...uuid.UUID) {
	t.Helper()
	if err := j.Put(done, r); err != nil {
		t.Fatalf("Put %s: %v", r.ID, err)
	}
}

// want compares all records of the journal.
func want(t testing.TB, j *DB, records ...*Record) {
	t.Helper()
	got, err := j.Records()
	if err != nil {
		t.Fatalf("Records: %v", err)
	}
	if len(got) == 0 && len(records) == 0 {
		return
	}
	if !reflect.DeepEqual(got, records) {
		t.Fatalf("records = %s\nwant %s", describe(got), describe(records))
	}
}

func describe(all []*Record) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%+v\n", *r)
	}
	return b.String()
}

// What was put is read back, in the order of the ids, also after the file was opened again.
func TestRoundTrip(t *testing.T) {
	path := fresh(t)
	j := reopen(t, path)
	two, one, long := sample(2), sample(1), big(3, 5000)
	put(t, j, two)
	put(t, j, one)
	put(t, j, long)
	want(t, j, one, two, long)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = reopen(t, path)
	want(t, j, one, two, long)
	if err := j.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
	ro, err := OpenReadOnly(os.OpenFile, fresh(t))
	if err != nil {
		t.Fatalf("OpenReadOnly: %v", err)
	}
	want(t, ro)
	if err := ro.Put(nil, sample(1)); err == nil {
		t.Error("Put in a journal that was opened read-only succeeded")
	}
	if err := ro.Close(); err != nil {
		t.Error(err)
	}
}

// Put deletes the finished records in the same change, all their chunks, and no neighbour's.
func TestPutDeletesFinished(t *testing.T) {
	j := open(t)
	first, long, third := sample(1), big(2, 3000), sample(3)
	put(t, j, first)
	put(t, j, long)
	put(t, j, third, first.ID, long.ID, id(99))
	want(t, j, third)
	if n := count(t, j, bucketRecords); n != 2 {
		t.Errorf("%d values are left of one record, want its header and one chunk", n)
	}
}

func count(t testing.TB, j *DB, bucket []byte) (n int) {
	t.Helper()
	if err := j.view(func(tx *bolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, _ []byte) error { n++; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Settle changes nothing that can be seen; it takes the caller's sync, and syncs by itself only while something may be
// in doubt.
func TestSettle(t *testing.T) {
	for _, records := range [][]*Record{nil, {sample(1), big(2, 4000)}} {
		j := open(t)
		for _, r := range records {
			put(t, j, r)
		}
		before := newestMeta(t, j)
		for _, settled := range []bool{false, true} {
			j.settled = settled
			failed, syncs := errors.New("sync"), 0
			if err := j.Settle(func() error { syncs++; return failed }); err != failed || syncs != 1 || j.settled != settled {
				t.Errorf("failing sync, settled %v: %v after %d syncs, then settled: %v", settled, err, syncs, j.settled)
			}
			if err := j.Settle(nil); err != nil || !j.settled {
				t.Errorf("settled %v: %v, then settled: %v", settled, err, j.settled)
			}
		}
		want(t, j, records...)
		if after := newestMeta(t, j); after != before {
			t.Errorf("with %d records: transaction %d after Settle, want %d", len(records), after, before)
		}
	}
}

func newestMeta(t testing.TB, j *DB) (n int) {
	t.Helper()
	if err := j.view(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// Every transition from every state is either legal and persisted, or an assertion failure that changes nothing.
func TestTransitions(t *testing.T) {
	states := []State{0, Decided, Aborting, Abandoned, Kept, 5}
	legal := map[[2]State]bool{
		{Decided, Aborting}: true, {Decided, Abandoned}: true,
		{Aborting, Aborting}: true, {Aborting, Abandoned}: true,
		{Abandoned, Abandoned}: true,
	}
	for _, from := range []State{Decided, Aborting, Abandoned} {
		for _, to := range states {
			t.Run(fmt.Sprintf("%s to %s(%d)", from, to, to), func(t *testing.T) {
				j, r := open(t), big(1, 2000)
				put(t, j, r)
				if from != Decided {
					if err := j.SetState(r, from); err != nil {
						t.Fatal(err)
					}
				}
				err := j.SetState(r, to)
				expect := from
				if legal[[2]State{from, to}] {
					expect = to
					if err != nil {
						t.Errorf("SetState = %v, want no error", err)
					}
				} else if !cockroach.HasAssertionFailure(err) {
					t.Errorf("SetState = %v, want an assertion failure", err)
				}
				if r.State != expect {
					t.Errorf("the record says %s, want %s", r.State, expect)
				}
				want(t, j, r)
			})
		}
	}
}

// A record begins as decided, and one that is not there has no state.
func TestPutAndSetStateRefuse(t *testing.T) {
	j := open(t)
	for _, s := range []State{0, Aborting, Abandoned, Kept, 5} {
		r := sample(1)
		r.State = s
		if err := j.Put(nil, r); !cockroach.HasAssertionFailure(err) {
			t.Errorf("Put of a record that is %s = %v, want an assertion failure", s, err)
		}
	}
	if err := j.SetState(sample(1), Aborting); err == nil {
		t.Error("SetState of a record that is not there succeeded")
	}
	want(t, j)
}

// CopyTo takes the keys along, and the journal it makes is as good as any.
func TestCopyTo(t *testing.T) {
	j := open(t)
	for n := range 60 {
		r := big(n, 200)
		put(t, j, r)
		if err := j.Delete(r); err != nil {
			t.Fatal(err)
		}
	}
	kept := big(60, 2000)
	kept.Keep = true
	put(t, j, kept)
	if err := j.Delete(kept); err != nil {
		t.Fatal(err)
	}
	kept.State = Kept
	path := fresh(t)
	to := reopen(t, path)
	if err := j.CopyTo(to); err != nil {
		t.Fatalf("CopyTo: %v", err)
	}
	if from, err := j.Serial(); err != nil || from == 0 {
		t.Errorf("Serial = %d, %v, want the number of puts", from, err)
	} else if got, err := to.Serial(); err != nil || got != from {
		t.Errorf("Serial of the copy = %d, %v, want %d", got, err, from)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	to = reopen(t, path)
	for n := range 60 {
		m, ok, err := to.Lookup(fmt.Sprintf("key-%d", n))
		if err != nil || !ok || m.ID != id(n) || m.Seq != uint64(n+1) {
			t.Fatalf("Lookup key-%d = %+v, %v, %v", n, m, ok, err)
		}
	}
	want(t, to, kept)
	put(t, to, sample(61))
	if err := to.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := j.CopyTo(to); !cockroach.HasAssertionFailure(err) {
		t.Errorf("CopyTo a journal in use = %v, want an assertion failure", err)
	}
	put(t, j, sample(61))
	if err := j.CopyTo(open(t)); !cockroach.HasAssertionFailure(err) {
		t.Errorf("CopyTo with a record = %v, want an assertion failure", err)
	}
}

// Errors of the system are not taken for damage.
func TestOpenMissing(t *testing.T) {
	noCreate := func(name string, flag int, perm os.FileMode) (*os.File, error) {
		return os.OpenFile(name, flag&^os.O_CREATE, perm)
	}
	_, err := Open(noCreate, filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrJournal) {
		t.Errorf("Open of a missing file = %v, want that it does not exist", err)
	}
}
