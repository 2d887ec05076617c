package txn

import (
	"hash/maphash"
	"io"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// stage is a transaction's stage folder, ROOT/.txcommit/stage/<id>. It lives as long as its owner file is locked by
// this process; what is in it has a subfolder per target folder, so that no folder grows huge.
type stage struct {
	id     string
	state  *fsys.Dir // ROOT/.txcommit
	stages *fsys.Dir // its stage/
	dir    *fsys.Dir // stage/<id>; opened before anything is staged, so that a syncfs through it tells all errors
	opened time.Time
	owner  *os.File
	self   fsys.Info // the stage folder
	home   area      // where it is

	outers []*outer    // its subfolders elsewhere; under mu
	made   int         // how many of them were made
	spread atomic.Bool // there are some

	num atomic.Uint32
	mu  sync.Mutex
	// subs are the subfolders by the path of their target folder.
	// Those in the stage folder have numbers; for others see outer.
	subs    map[string]uint32
	folders uint32 // how many of them were made in the stage folder
	// staged is what is there, by the canonical path that it is meant for.
	staged byPath[*staged]
	bytes  atomic.Int64
	// steps is the file with the lists of a large record; nil if there is none.
	steps  *os.File
	handed bool // there is a record of it: it is recovery's
}

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

// newStage makes the stage folder of a transaction. The owner file gets its name when it is locked, so that a name
// without a live lock is always a dead one.
func newStage(state *fsys.Dir, id string) (_ *stage, err error) {
	s := &stage{id: id, state: state, opened: time.Now(), subs: map[string]uint32{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.stages, err = state.Sub(recovery.StageFolder); err != nil {
		return nil, stageError("open", err)
	}
	if s.owner, err = lockedOwner(s.stages, id); err != nil {
		return nil, stageError("create", err)
	}
	if err = s.stages.Mkdir(id, 0o700); err != nil {
		_ = s.stages.Unlink(id + recovery.OwnerSuffix)
		return nil, stageError("mkdir", err)
	}
	if err = s.yield(s.stages, id); err != nil {
		return nil, stageError("chown", err)
	}
	if s.dir, err = s.stages.Sub(id); err != nil {
		return nil, stageError("open", err)
	}
	if s.self, err = s.dir.Self(); err == nil {
		s.home, err = areaAt(s.dir, s.self)
	}
	if err != nil {
		return nil, stageError("stat", err)
	}
	return s, nil
}

// yield gives what root makes in a user's store to the user: it may stay in history/ for long, and a folder can only be
// moved out of there by its owner.
func (s *stage) yield(d *fsys.Dir, name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	user, err := s.state.Self()
	if err != nil || user.UID == 0 {
		return err
	}
	return d.Chown(name, user.UID, user.GID)
}

func stageError(op string, err error) error { return recovery.PathError(op, ".txcommit/stage", err) }

// lockedOwner makes the owner file. A recovery may sweep it away before it is locked: then it is made again.
func lockedOwner(stages *fsys.Dir, id string) (f *os.File, err error) {
	for range 100 {
		if f, err = tryOwner(stages, id); !errors.Is(err, errSwept) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, err
}

var errSwept = errors.New("the new owner file is locked by a recovery; try again")

func tryOwner(stages *fsys.Dir, id string) (*os.File, error) {
	temp := id + ".tmp"
	f, err := stages.Create(temp, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := fsys.TryLock(f, true)
	if err == nil && !ok {
		err = errSwept
	}
	if err == nil {
		err = stages.Rename(temp, stages, id+recovery.OwnerSuffix)
	}
	if err != nil {
		_ = stages.Unlink(temp)
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// keepSteps puts into the stage folder what is too large for the journal. Barrier 1 makes it durable.
func (s *stage) keepSteps(rec *journal.Record, n int, made iter.Seq[journal.Made]) error {
	err := rec.Detach(n, made, func() (_ io.Writer, err error) {
		s.steps, err = s.dir.Create(recovery.StepsFile, 0o600)
		return s.steps, err
	})
	if s.steps == nil {
		return err
	}
	if err != nil {
		return withoutName(s.steps, err)
	}
	s.bytes.Add(int64(rec.Beside.Length))
	fsys.StartWrite(s.steps)
	return s.yield(s.dir, recovery.StepsFile)
}

// discard removes the stage folder of a transaction that has no record.
func (s *stage) discard() error {
	for _, o := range s.outers { // before the notes about them
		if err := o.remove(); err != nil {
			return err
		}
	}
	if err := s.stages.RemoveAll(s.id); err != nil {
		return stageError("clean up", err)
	}
	if err := s.stages.Unlink(s.id + recovery.OwnerSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stageError("clean up", err)
	}
	return nil
}

// close releases the handles, and with the owner file the claim on the stage folder.
func (s *stage) close() {
	for _, d := range []*fsys.Dir{s.dir, s.stages} {
		if d != nil {
			_ = d.Close()
		}
	}
	for _, o := range s.outers {
		o.close()
	}
	for _, f := range []*os.File{s.owner, s.steps} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// subFor returns the stage subfolder for a target folder, and makes it if need be.
func (s *stage) subFor(target string) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.subs[target]; ok {
		return n, nil
	}
	n := s.folders
	s.folders++
	if err := s.dir.Mkdir(subName(n), 0o700); err != nil {
		return 0, err
	}
	if err := s.yield(s.dir, subName(n)); err != nil {
		return 0, err
	}
	s.subs[target] = n
	return n, nil
}

// next returns the place for the next staged entry of a target folder.
func (s *stage) next(target string) (*staged, error) {
	sub, err := s.subFor(target)
	if err != nil {
		return nil, err
	}
	return &staged{sub: sub, num: s.num.Add(1)}, nil
}

// place returns where a want is staged: inside the new folder that it comes with, or in a place of its own.
func (s *stage) place(w *want) (*staged, error) {
	if w.inside() == nil {
		st, err := s.next(w.folder.path)
		if err == nil {
			st.full = w.full
		}
		return st, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &staged{full: w.full, inside: s.staged.find(w.inside().path())}, nil
}

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
