package txn

import (
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// stage is a transaction's stage folder, ROOT/.txcommit/stage/<id>. It lives as long as its owner file is locked by
// this process; what is in it has a subfolder per target folder, so that no folder grows huge, or one for a few changes.
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
	few     bool   // the next target folders share the last of these
	noSub   error  // why there can be no more of them
	// staged is what is there, by the canonical path that it is meant for.
	staged byPath[*staged]
	bytes  atomic.Int64
	// steps is the file with the lists of a large record; nil if there is none.
	steps  *os.File
	handed bool // there is a record of it: it is recovery's
}

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

// together is up to how many changed paths share one subfolder: for 100 in 50 folders that takes a quarter less of the processor's
// time, from some 400 on the workers wait for each other in it (measured on ext4).
const together = 200

// subFor returns the stage subfolder for a target folder, and makes it if need be.
func (s *stage) subFor(target string) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.subs[target]; ok {
		return n, nil
	}
	if s.noSub == nil && (s.folders == 0 || !s.few) {
		s.noSub = s.makeSub()
	}
	if s.noSub != nil { // whoever asks next meets the same, not what follows from it
		return 0, s.noSub
	}
	s.subs[target] = s.folders - 1
	return s.folders - 1, nil
}

// makeSub makes the next subfolder.
func (s *stage) makeSub() error {
	name := subName(s.folders)
	s.folders++
	if err := s.dir.Mkdir(name, 0o700); err != nil {
		return err
	}
	return s.yield(s.dir, name)
}

// expect tells how many paths are to be changed.
func (s *stage) expect(changes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.few = changes <= together
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
