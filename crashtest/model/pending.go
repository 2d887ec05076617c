package model

import (
	"syscall"

	"github.com/txcommit/txcommit/crashtest/memfs"
)

// Recording is what happened to an image. All that is in the image was durable.
type Recording struct {
	Base   *memfs.Image
	Events []memfs.Event

	// whole and half say, by event, which event made it durable; half for the new name of a rename between folders,
	// after which only the old name may come back.
	whole, half []int
	folders     map[uint64]bool
}

const never = 1 << 30

// NewRecording finds out what made what durable.
func NewRecording(base *memfs.Image, events []memfs.Event) *Recording {
	r := &Recording{Base: base, Events: events, whole: make([]int, len(events)), half: make([]int, len(events)), folders: map[uint64]bool{}}
	for ino, n := range base.Nodes {
		r.folders[ino] = n.IsFolder()
	}
	syncs := map[uint64][]int{} // by inode, ascending
	for k := range events {
		switch e := &events[k]; e.Kind {
		case memfs.Sync, memfs.SyncFailed:
			syncs[e.Ino] = append(syncs[e.Ino], k)
		case memfs.Create:
			r.folders[e.Ino] = e.New.Mode&syscall.S_IFMT == syscall.S_IFDIR
		}
	}
	first := func(ino uint64, j int) int {
		for _, k := range syncs[ino] {
			switch failed := events[k].Kind == memfs.SyncFailed; {
			case events[k].Since <= j:
			case !failed:
				return k
			case events[j].Kind == memfs.Write:
				return never // the kernel takes it for written, and does not try again
			}
		}
		return never
	}
	for j := range events {
		e := &events[j]
		r.half[j] = never
		switch e.Kind {
		case memfs.Create, memfs.Link, memfs.Unlink:
			r.whole[j] = first(e.Dir, j)
		case memfs.Exchange:
			r.whole[j] = min(first(e.Dir, j), first(e.Dir2, j))
		case memfs.Rename:
			r.whole[j], r.half[j] = first(e.Dir, j), first(e.Dir2, j)
			if !r.splits(j) { // it is whole or not at all
				r.whole[j] = min(r.whole[j], r.half[j])
			}
		case memfs.Mark, memfs.Sync, memfs.SyncFailed:
			r.whole[j] = j
		default:
			r.whole[j] = first(e.Ino, j)
		}
	}
	return r
}

// splits says that a power cut may show both names of a rename.
func (r *Recording) splits(j int) bool {
	e := &r.Events[j]
	return e.Kind == memfs.Rename && e.Dir != e.Dir2 && !r.folders[e.Ino]
}

// Fate is what becomes of an event in a power cut.
type Fate byte

// The fates.
const (
	Kept Fate = iota
	Lost
	Half     // a rename: both names
	Torn     // a write: its first part
	Tail     // a write: its last part
	SizeOnly // a write: zeros where it made the file longer, nothing elsewhere
)

// String names the fate.
func (f Fate) String() string {
	return [...]string{"kept", "lost", "both names of", "only the beginning of", "only the end of", "the size but not the data of"}[f]
}

// Crash is a power cut after the first Point events. Fates has the events that it did not leave whole.
type Crash struct {
	Point int
	Fates map[int]Fate
	Cut   int // where writes are torn, in sectors from their beginning; at least one
}

// pending lists the events before point that a power cut there may touch.
func (r *Recording) pending(point int) []int {
	var out []int
	for j := range point {
		if r.whole[j] >= point {
			out = append(out, j)
		}
	}
	return out
}

// cells are the names whose value an event changes: both of a rename or an exchange.
func cells(e *memfs.Event) []cell {
	switch e.Kind {
	case memfs.Create, memfs.Link, memfs.Unlink:
		return []cell{{e.Dir, e.Name}}
	case memfs.Rename, memfs.Exchange:
		return []cell{{e.Dir, e.Name}, {e.Dir2, e.Name2}}
	}
	return nil
}

type cell struct {
	dir  uint64
	name string
}

// legal completes the fates of a crash: what is durable in part is kept in part, and what survives of a name brings its
// past along.
func (r *Recording) legal(c *Crash) {
	later := map[cell]bool{} // names whose value is that of a later event that survives
	for j := c.Point - 1; j >= 0; j-- {
		e := &r.Events[j]
		if !e.Names() {
			continue
		}
		f := c.Fates[j]
		all := cells(e)
		if f != Kept {
			switch {
			case later[all[0]]: // for a rename: what came to its old name later
				f = Kept
			case len(all) > 1 && later[all[1]] && f == Lost, f == Lost && r.half[j] < c.Point:
				f = Kept
				if r.splits(j) {
					f = Half
				}
			}
			if f == Kept {
				delete(c.Fates, j)
			} else {
				c.Fates[j] = f
			}
		}
		if f == Kept {
			later[all[0]] = true
		}
		if f != Lost && len(all) > 1 {
			later[all[1]] = true
		}
	}
}

// State is the image that the crash leaves.
func (r *Recording) State(c *Crash) *memfs.Image {
	m := r.Base.Clone()
	for j := range c.Point {
		e := &r.Events[j]
		f := c.Fates[j]
		if e.Kind == memfs.Create { // the inode is there at any rate, but perhaps without a name
			n := *e.New
			m.Nodes[e.Ino] = &n
		}
		switch {
		case f == Lost:
		case e.Names():
			m.Apply(e, f == Half)
		case e.Kind == memfs.Write && f != Kept:
			cut := min(c.Cut*sector, len(e.Data)/sector*sector)
			switch f {
			case Torn:
				m.Write(e, e.Data[:cut], e.Off)
			case Tail:
				m.Write(e, e.Data[cut:], e.Off+int64(cut))
			default:
				m.Write(e, nil, e.Off)
			}
		default:
			m.Change(e)
		}
	}
	return m
}

const sector = 512
