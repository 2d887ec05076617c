//go:build linux

package block

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// A State is what the medium may hold after a power cut.
type State struct {
	// At is the moment of the cut: Entries[:At] of the log were complete.
	At int `json:"at"`
	// Lost are those writes among them that never reached the medium, in order.
	Lost []int `json:"lost,omitempty"`
	// Torn is a write of which only a part did; -1: none.
	Torn int `json:"torn"`
	// Part says which: the sectors (or larger atoms) for which a bit is set, counted from 0 and repeated after 64.
	Part uint64 `json:"part,omitempty"`
	// Atom is the size of what cannot tear.
	Atom int `json:"atom,omitempty"`
}

// Parts of a torn write: every other atom, a random choice; and by halves, see firstHalf.
const (
	evenAtoms = 0x5555555555555555
	oddAtoms  = ^uint64(evenAtoms)
)

// String tells which crash the state is of.
func (s *State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cut before entry %d", s.At)
	if len(s.Lost) > 0 {
		fmt.Fprintf(&b, ", writes %v lost", s.Lost)
	}
	if s.Torn >= 0 {
		fmt.Fprintf(&b, ", write %d torn (%016x of atoms of %d)", s.Torn, s.Part, s.Atom)
	}
	return b.String()
}

// each calls f for the writes that reached the medium, in order. kept, where it is not nil, says which of a write's
// sectors did.
func (s *State) each(log []Entry, f func(i int, e *Entry, kept func(n int) bool)) {
	lost := s.Lost
	for i := range log[:s.At] {
		if len(lost) > 0 && lost[0] == i {
			lost = lost[1:]
			continue
		}
		if log[i].Kind != Write {
			continue
		}
		if i == s.Torn {
			f(i, &log[i], func(n int) bool { return s.Part>>(n*sector/s.Atom%64)&1 != 0 })
			continue
		}
		f(i, &log[i], nil)
	}
}

// write writes the state to a file.
func (s *State) write(f *os.File, im *image, log []Entry) (err error) {
	if err := im.write(f); err != nil {
		return err
	}
	s.each(log, func(_ int, e *Entry, kept func(n int) bool) {
		if kept == nil {
			if _, werr := f.WriteAt(e.Data, e.Off); err == nil {
				err = werr
			}
			return
		}
		for n := 0; n*sector < len(e.Data); n++ {
			if kept(n) {
				if _, werr := f.WriteAt(e.Data[n*sector:min((n+1)*sector, len(e.Data))], e.Off+int64(n*sector)); err == nil {
					err = werr
				}
			}
		}
	})
	return err
}

// exhaustive is up to how many pending writes all their subsets are tried: 2^5.
const exhaustive = 5

// An enumerator lists states of a log. What it leaves out is chosen by its random numbers only.
type enumerator struct {
	log  []Entry
	atom int
	rng  *rand.Rand
	// random is the number of random subsets, and of random tears of each write, where there are too many for all.
	random int
	covers []int // by entry: the flush that makes it durable, or len(log)
	out    []State
}

// states returns all states to try, in random order. States that turn out to be the same are among them.
func states(log []Entry, atom int, rng *rand.Rand) []State {
	e := &enumerator{log: log, atom: atom, rng: rng, random: 6}
	e.cover()
	for at := range len(log) + 1 {
		e.at(at)
	}
	rng.Shuffle(len(e.out), func(i, j int) { e.out[i], e.out[j] = e.out[j], e.out[i] })
	return e.out
}

// cover finds, for each write, the first flush that arrived after it was complete.
func (e *enumerator) cover() {
	e.covers = make([]int, len(e.log))
	for i := range e.log {
		e.covers[i] = len(e.log)
		for j := i + 1; j < len(e.log); j++ {
			if e.log[j].Kind == Flush && e.log[j].Begin > e.log[i].End {
				e.covers[i] = j
				break
			}
		}
	}
}

// pending are the writes that no flush has made durable before entry at.
func (e *enumerator) pending(at int) []int {
	var out []int
	for i := range e.log[:at] {
		if e.log[i].Kind == Write && e.covers[i] >= at {
			out = append(out, i)
		}
	}
	return out
}

func (e *enumerator) add(at int, lost []int) {
	e.out = append(e.out, State{At: at, Lost: lost, Torn: -1})
}

// at adds the states of a cut before entry at. Whatever is pending between two flushes or marks is pending at the next
// one, too; so there the subsets are tried, and elsewhere only what is typical of a disk.
func (e *enumerator) at(at int) {
	pending := e.pending(at)
	e.add(at, nil)
	if len(pending) > 0 {
		e.add(at, pending)
	}
	if at == len(e.log) || e.log[at].Kind != Write {
		e.subsets(at, pending)
		e.tears(at, pending)
	}
}

func (e *enumerator) subsets(at int, pending []int) {
	if len(pending) <= exhaustive {
		for bits := range uint(1) << len(pending) {
			e.add(at, choose(pending, func(i int) bool { return bits>>i&1 != 0 }))
		}
		return
	}
	for i := range pending {
		e.add(at, []int{pending[i]})
		e.add(at, slices.Delete(slices.Clone(pending), i, i+1))
	}
	for range e.random {
		e.add(at, choose(pending, func(int) bool { return e.rng.IntN(2) == 0 }))
	}
}

func (e *enumerator) tears(at int, pending []int) {
	for _, i := range pending {
		atoms := (len(e.log[i].Data) + e.atom - 1) / e.atom
		if atoms < 2 || e.log[i].Off < page {
			continue // no file system mounts with half a superblock, which is in the first page of ext4
		}
		parts := []uint64{firstHalf(atoms), ^firstHalf(atoms), evenAtoms, oddAtoms, e.rng.Uint64()}
		for _, part := range parts {
			e.out = append(e.out, State{At: at, Torn: i, Part: part, Atom: e.atom})
		}
		lost := choose(pending, func(j int) bool { return pending[j] != i && e.rng.IntN(2) == 0 })
		e.out = append(e.out, State{At: at, Lost: lost, Torn: i, Part: e.rng.Uint64(), Atom: e.atom})
	}
}

// firstHalf is the part that holds the first half of up to 64 atoms.
func firstHalf(atoms int) uint64 { return 1<<(min(atoms, 64)/2) - 1 }

// choose returns those of all for whose index f says so.
func choose(all []int, f func(i int) bool) []int {
	var out []int
	for i := range all {
		if f(i) {
			out = append(out, all[i])
		}
	}
	return out
}
