package txn

import (
	"hash/maphash"
	"slices"
	"strings"
)

// byPath finds items by their paths, which must not change. The zero value is empty. It is there because a transaction
// may have a million of them: a map from strings takes some 40 bytes for each beside the item, and this takes 16.
type byPath[T interface {
	comparable
	path() string
}] struct {
	items  []T // each path once; in the order in which they were put, or sorted
	sorted bool
	// slots is a hash table with linear probing, and never more than three quarters full. A slot has the number of an item,
	// counted from 1; 0 is free.
	slots []uint32
}

// slot finds the slot of a path, or the free one where it belongs. There must be slots.
func (b *byPath[T]) slot(path string) *uint32 {
	mask := uint64(len(b.slots) - 1)
	for i := maphash.String(sumSeed, path) & mask; ; i = (i + 1) & mask {
		s := &b.slots[i]
		if *s == 0 || b.items[*s-1].path() == path {
			return s
		}
	}
}

// find returns the item with a path, the zero T if there is none.
func (b *byPath[T]) find(path string) (item T) {
	if len(b.items) == 0 {
		return item
	}
	if s := *b.slot(path); s != 0 {
		item = b.items[s-1]
	}
	return item
}

// put adds an item, in the place of one that has its path.
func (b *byPath[T]) put(item T) {
	if 4*len(b.items) >= 3*len(b.slots) {
		b.index(max(8, 2*len(b.slots)))
	}
	s := b.slot(item.path())
	if *s != 0 {
		b.items[*s-1] = item
		return
	}
	b.items, b.sorted = append(b.items, item), false
	*s = uint32(len(b.items))
}

// sort orders the items by path: a folder before what is in it.
func (b *byPath[T]) sort() {
	if b.sorted {
		return
	}
	slices.SortFunc(b.items, func(x, y T) int { return strings.Compare(x.path(), y.path()) })
	b.index(len(b.slots))
	b.sorted = true
}

// index makes the slots anew.
func (b *byPath[T]) index(slots int) {
	b.slots = make([]uint32, slots)
	for i, item := range b.items {
		*b.slot(item.path()) = uint32(i + 1)
	}
}
