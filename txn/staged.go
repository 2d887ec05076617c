package txn

import (
	"hash/maphash"
	"strconv"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// staged is a file, link or folder in a stage folder.
type staged struct {
	full   string  // the canonical path that it is meant for
	inside *staged // the new folder that it is in; nil in a place of its own
	made   uint64  // the sum of its token
	// What is known of it, when it is ready.
	id          fsys.ID
	size, mtime int64

	sub, num uint32 // its place: the subfolder, and the number in it
	mode     uint16
	kind     fsys.Kind
	linked   bool // it is a second link to a source, not a copy
}

func (st *staged) path() string { return st.full }

// top is what it is in, if it is in a new folder.
func (st *staged) top() *staged {
	for st.inside != nil {
		st = st.inside
	}
	return st
}

// at is its name, relative to the stage folder.
func (st *staged) at() string {
	if st.inside != nil {
		return st.inside.at() + st.full[len(st.inside.full):]
	}
	return subName(st.sub) + "/" + recovery.NewName(st.num)
}

// info is what is known of it.
func (st *staged) info() fsys.Info {
	return fsys.Info{ID: st.id, Kind: st.kind, Mode: uint32(st.mode), Size: st.size, Mtime: st.mtime}
}

// outerSub marks the subfolders that are outer folders.
const outerSub = 1 << 31

// subName is the name of subfolder n in the stage folder. For an outer folder it is the word by which stage.where finds it.
func subName(n uint32) string {
	if n&outerSub != 0 {
		return "outer" + strconv.FormatUint(uint64(n&^outerSub), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// token tells whether something that was staged without the lock is still what is needed under it.
type token struct {
	kind   wantKind
	op     int
	said   string
	inside string
	seen   fsys.Info // of the target, whose mode, owner and attributes are kept
	source fsys.Info
	mode   manifest.Mode
}

var sumSeed = maphash.MakeSeed()

// sumOf stands for something that is only compared, and would be large where there are a million of them.
func sumOf[T comparable](what T) uint64 { return maphash.Comparable(sumSeed, what) }

func tokenOf(w *want) token {
	t := token{kind: w.kind, op: w.op, said: w.said(), seen: *w.info, mode: w.mode}
	if w.inside() != nil {
		t.inside = w.inside().path()
	}
	if w.source != nil {
		t.source = w.source.info
		if w.source.exact { // to link it changes these two
			t.source.Nlink, t.source.Ctime = 0, 0
		}
	}
	return t
}

// find returns what is staged for a want already, and still right.
func (s *stage) find(w *want) *staged {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.staged.find(w.path())
	if st == nil || st.made != sumOf(tokenOf(w)) {
		return nil
	}
	return st
}

// restart forgets what is staged. It stays in the stage folder, under numbers that are not used again.
func (s *stage) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged = byPath[*staged]{}
	s.bytes.Store(0)
}

// keep notes what was staged for a want, which is i now.
func (s *stage) keep(w *want, st *staged, i fsys.Info) {
	st.id, st.kind, st.mode, st.size, st.mtime = i.ID, i.Kind, uint16(i.Mode), i.Size, i.Mtime
	st.made = sumOf(tokenOf(w))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged.put(st)
}
