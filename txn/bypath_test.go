package txn

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type pathed struct {
	name string
	n    int
}

func (p *pathed) path() string { return p.name }

// A byPath holds what a map would, in whatever order it is filled, sorted and filled again.
func TestByPath(t *testing.T) {
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, seed))
	var b byPath[*pathed]
	want := map[string]*pathed{}
	if b.find("") != nil {
		t.Error("the zero value holds something")
	}
	for n := range 3000 {
		p := &pathed{strconv.Itoa(rnd.IntN(1000)), n}
		b.put(p)
		want[p.name] = p
		if n%700 == 0 {
			b.sort()
			if !slices.IsSortedFunc(b.items, func(x, y *pathed) int { return strings.Compare(x.name, y.name) }) {
				t.Fatalf("after %d: not sorted", n)
			}
		}
	}
	if len(b.items) != len(want) {
		t.Errorf("got %d items, want %d", len(b.items), len(want))
	}
	for n := range 1100 {
		name := strconv.Itoa(n)
		if got := b.find(name); got != want[name] {
			t.Errorf("find(%s) = %v, want %v", name, got, want[name])
		}
	}
}
