package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// victim is a journal file that is damaged over and over again.
type victim struct {
	t       *testing.T
	path    string
	good    []byte
	records []*Record
	keys    int

	refused, same int
}

func newVictim(t *testing.T, keys int, records ...*Record) *victim {
	t.Helper()
	path := fresh(t)
	j := reopen(t, path)
	if err := j.update(func(tx *bolt.Tx) error {
		for n := range keys {
			r := sample(1000 + n)
			if err := remember(tx, r); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		put(t, j, r)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, path: filepath.Join(t.TempDir(), "victim"), good: good, records: records, keys: keys}
	v.restore()
	v.try("no damage")
	if v.same != 1 {
		t.Fatal("the undamaged file is refused")
	}
	return v
}

func (v *victim) restore() {
	v.t.Helper()
	if err := os.WriteFile(v.path, v.good, 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// try opens the file: it must be refused as damaged, or tell the truth about every record.
func (v *victim) try(what string) {
	v.t.Helper()
	j, err := Open(os.OpenFile, v.path)
	if err == nil {
		defer j.Close()
		var got []*Record
		if got, err = j.Records(); err == nil {
			if len(got) != len(v.records) || len(got) > 0 && !reflect.DeepEqual(got, v.records) {
				v.t.Errorf("%s: it says that its records are %s", what, describe(got))
			}
			v.lookups(j, what)
			v.same++
			return
		}
	}
	if !errors.Is(err, ErrJournal) {
		v.t.Errorf("%s: %v, want ErrJournal", what, err)
	}
	v.refused++
}

// lookups must tell the truth about every key, or say that it is damaged; one whose very name was damaged is forgotten.
func (v *victim) lookups(j *DB, what string) {
	v.t.Helper()
	forgotten := 0
	for n := range v.keys {
		m, ok, err := j.Lookup(fmt.Sprintf("key-%d", 1000+n))
		switch {
		case errors.Is(err, ErrJournal):
		case err != nil || ok && (m.ID != id(1000+n) || m.Seq != uint64(n+1)):
			v.t.Errorf("%s: Lookup of key %d = %+v, %v, %v", what, n, m, ok, err)
		case !ok:
			forgotten++
		}
	}
	if forgotten > 1 {
		v.t.Errorf("%s: %d keys are forgotten", what, forgotten)
	}
}

// write puts other bytes at a place, tries, and puts the old ones back.
func (v *victim) write(at int, b []byte, what string) {
	v.t.Helper()
	f, err := os.OpenFile(v.path, os.O_RDWR, 0)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, int64(at)); err != nil {
		v.t.Fatal(err)
	}
	v.try(what)
	if _, err := f.WriteAt(v.good[at:at+len(b)], int64(at)); err != nil {
		v.t.Fatal(err)
	}
}

func (v *victim) flip(bit int) {
	v.t.Helper()
	v.write(bit/8, []byte{v.good[bit/8] ^ 1<<(bit%8)}, fmt.Sprintf("page %d, byte %d, bit %d", bit/8/4096, bit/8%4096, bit%8))
}

// inUse is how many pages the newest state of the file has.
func (v *victim) inUse() int {
	v.t.Helper()
	f, err := os.Open(v.path)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	c := verifier{f: f}
	m, err := c.metas()
	if err != nil {
		v.t.Fatal(err)
	}
	if c.size != 4096 {
		v.t.Skipf("needs pages of 4096 bytes: here they have %d", c.size)
	}
	return int(m.pages)
}

func victims(t *testing.T) map[string]*victim {
	aborting := big(2, 1)
	small := newVictim(t, 0, sample(1), aborting)
	return map[string]*victim{
		"small":         small,
		"one record":    newVictim(t, 0, sample(1)),
		"empty":         newVictim(t, 0),
		"branch pages":  newVictim(t, 400, sample(1), big(2, 1500)),
		"keys, no more": newVictim(t, 150),
	}
}

// Each page zeroed, filled with ones, replaced by its neighbour, and the file cut there: refused, or all is told right.
func TestDamagedPages(t *testing.T) {
	for name, v := range victims(t) {
		t.Run(name, func(t *testing.T) {
			v.t = t
			pages := v.inUse()
			v.refused, v.same = 0, 0
			for p := range pages {
				at := p * 4096
				v.write(at, make([]byte, 4096), fmt.Sprintf("page %d zeroed", p))
				ones := make([]byte, 4096)
				for i := range ones {
					ones[i] = 0xff
				}
				v.write(at, ones, fmt.Sprintf("page %d all ones", p))
				other := (at + 4096) % (pages * 4096)
				v.write(at, v.good[other:other+4096], fmt.Sprintf("page %d is the next one", p))
				for _, size := range []int{at, at + 1, at + 100, at + 4095} {
					if err := os.Truncate(v.path, int64(size)); err != nil {
						t.Fatal(err)
					}
					before := v.refused
					v.try(fmt.Sprintf("cut to %d bytes", size))
					if v.refused == before {
						t.Errorf("a file cut to %d bytes of %d in use was accepted", size, pages*4096)
					}
					if i, err := os.Stat(v.path); err != nil || i.Size() != int64(size) {
						t.Errorf("the file cut to %d bytes was changed: %v, %v", size, i, err)
					}
					v.restore()
				}
			}
			t.Logf("%d pages: refused %d, all told right %d", pages, v.refused, v.same)
		})
	}
}

// Flipped bits: every one of the meta pages' contents and of every page's beginning, where headers and elements are,
// and a sample of the others. Refused, or all is told right.
func TestFlippedBits(t *testing.T) {
	const seed = 20261123
	rnd := rand.New(rand.NewPCG(seed, 0))
	for name, v := range victims(t) {
		t.Run(name, func(t *testing.T) {
			v.t = t
			pages := v.inUse()
			v.refused, v.same = 0, 0
			for p := range pages {
				every, sampled := 24, 8
				switch {
				case p < 2:
					every = 80
				case pages < 20:
					every = 160
				}
				for bit := range every * 8 {
					v.flip(p*4096*8 + bit)
				}
				for range sampled {
					v.flip(p*4096*8 + rnd.IntN(4096*8))
				}
			}
			t.Logf("seed %d: %d pages: refused %d, all told right %d", seed, pages, v.refused, v.same)
			if v.refused == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}

// Many bits of the same file flipped at once.
func TestNoise(t *testing.T) {
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, 1))
	for name, v := range victims(t) {
		t.Run(name, func(t *testing.T) {
			v.t = t
			used := v.inUse() * 4096
			for i := range 300 {
				b := append([]byte(nil), v.good...)
				for range 1 + rnd.IntN(20) {
					b[8192+rnd.IntN(used-8192)] ^= 1 << rnd.IntN(8)
				}
				if err := os.WriteFile(v.path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				v.keys = 0 // several may have lost their names
				v.try(fmt.Sprintf("seed %d, round %d", seed, i))
			}
		})
	}
}
