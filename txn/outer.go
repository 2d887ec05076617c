package txn

import (
	"strings"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// outer is the stage's subfolder in an area that is not its own: a private folder in the tree, in the first folder there
// that something is staged for. It is noted durably in the stage folder before it is made, and gone before the note goes;
// recovery/outer.go says what that is for.
type outer struct {
	area
	num  uint32 // as the subfolder of a target folder: n, and outerSub
	name string
	host string // the folder that it is in
	id   fsys.ID
	// hostID, in and dir are of the folder that it is in and of itself. dir is open before anything is staged in it, so that
	// a syncfs through it tells all errors.
	hostID  fsys.ID
	in, dir *fsys.Dir
	named   bool // something was made at its name
	broken  bool // but is not what it should be: it is only there to be removed
}

func (o *outer) path() string { return o.sub().Name }

func (o *outer) sub() journal.Sub { return journal.OuterSub(o.host, o.name, journal.Inode(o.id)) }

func (o *outer) remove() error {
	if !o.named {
		return nil
	}
	made := func(i fsys.Info) bool { return o.id.IsZero() || i.ID == o.id }
	return recovery.PathError("clean up", o.path(), recovery.RemoveOuter(o.in, o.name, made))
}

func (o *outer) close() {
	closeDir(o.in)
	closeDir(o.dir)
}

// where finds the folder and the name in it of a path in the stage folder, whose first part may be an outer folder.
func (s *stage) where(at string) (*fsys.Dir, string) {
	if !s.spread.Load() {
		return s.dir, at
	}
	sub, rel, _ := strings.Cut(at, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.outers {
		if subName(o.num) == sub {
			return o.dir, rel
		}
	}
	return s.dir, at
}

// outerNamed finds the outer folder that a subfolder is; nil for one in the stage folder.
func (s *stage) outerNamed(sub uint32) *outer {
	if sub&outerSub == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.outers {
		if o.num == sub {
			return o
		}
	}
	return nil
}

// outerFor finds the outer folder of a target folder; nil if it has its subfolder in the stage folder.
func (s *stage) outerFor(f *folder) *outer {
	if !s.spread.Load() {
		return nil
	}
	s.mu.Lock()
	sub := s.subs[f.path]
	s.mu.Unlock()
	return s.outerNamed(sub)
}

// settle finds out where a want is staged. Without the lock a project is asked for only where it is known anyway: if
// something was staged in the wrong place because of that, it is staged again under the lock.
func (s *stage) settle(sc *scan, w *want) error {
	f := w.folder
	if !w.makes() || w.inside() != nil || f.settled || !sc.locked && f.heritage == nil && f.info.SameFS(s.self) {
		return nil
	}
	if err := s.reaches(sc, w); err != nil {
		return err
	}
	s.mu.Lock()
	was, placed := s.subs[f.path]
	s.mu.Unlock()
	if err := s.settleFolder(sc, f); err != nil {
		return err
	}
	s.mu.Lock()
	moved := placed && s.subs[f.path] != was
	s.mu.Unlock()
	if moved { // something was mounted there, or unmounted, since it was looked at without the lock
		s.restart()
	}
	return nil
}

// reaches refuses a rename from elsewhere before an outer folder is made for it; see allowAcross for all others.
func (s *stage) reaches(sc *scan, w *want) error {
	to, err := sc.res.area(w.folder)
	if err != nil || w.from == nil || to == s.home {
		return err
	}
	from, err := sc.res.area(w.from.folder)
	if err == nil && !to.accepts(from) {
		err = apart(w.from.path(), w.path())
	}
	return err
}

// settleFolder makes an outer folder for a target folder if it takes one. Every folder that a transaction changes
// something in is settled, also where nothing is staged: the outer folder is how a recovery knows that what it has to
// change is mounted.
func (s *stage) settleFolder(sc *scan, f *folder) error {
	if f.settled || !f.info.Exists() {
		return nil
	}
	a, err := sc.res.area(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.settled = true
	if sc.locked {
		_ = sc.res.changeable(f) // while it is open; the one who wants to change it asks again
	}
	if a == s.home {
		if s.subs[f.path]&outerSub != 0 {
			delete(s.subs, f.path)
		}
		return nil
	}
	for _, o := range s.outers {
		if o.area == a && !o.broken {
			s.subs[f.path] = o.num
			return nil
		}
	}
	o, err := s.newOuter(sc, f, a)
	if err != nil {
		return err
	}
	s.subs[f.path] = o.num
	return nil
}

// newOuter makes the outer folder of an area, in f.
func (s *stage) newOuter(sc *scan, f *folder, a area) (*outer, error) {
	if err := sc.res.changeable(f); err != nil {
		return nil, err
	}
	d, err := sc.res.handle(f)
	if err != nil {
		return nil, err
	}
	if err := checkVolume(d, "directory "+f.path, &sc.tx.store.opts); err != nil {
		return nil, err
	}
	o := &outer{area: a, num: outerSub | uint32(s.made), name: journal.OuterName(s.id, s.made), host: f.path, hostID: f.info.ID}
	if o.in, err = d.Sub("."); err != nil {
		return nil, err
	}
	top, err := sc.res.top(f, a)
	if err == nil {
		err = s.note(sc.root, o, top)
	}
	if err != nil {
		closeDir(o.in)
		return nil, err
	}
	s.made++
	s.outers = append(s.outers, o) // from here on discard sees to it
	s.spread.Store(true)
	err = o.make(s)
	o.broken = err != nil
	return o, err
}

// note makes durable where an outer folder will be, and the way to the note: the names of the stage folder, and of a state
// folder that may be new.
func (s *stage) note(root *fsys.Dir, o *outer, top *folder) error {
	n := journal.OuterNote{
		Host: o.host, HostInode: journal.Inode(o.hostID), Top: top.path, TopInode: journal.Inode(top.info.ID),
	}
	b, err := n.Encode()
	if err != nil {
		return err
	}
	f, err := s.dir.Create(recovery.NoteName(s.made), 0o600)
	if err != nil {
		return stageError("create", err)
	}
	defer f.Close()
	if _, err = f.Write(b); err == nil {
		err = fsys.SyncFile(f)
	}
	if err == nil {
		err = s.yield(s.dir, recovery.NoteName(s.made))
	}
	if err != nil {
		return stageError("write", withoutName(f, err))
	}
	return syncFolders(s.dir, s.stages, s.state, root)
}

// make makes the folder: private, and in the area that it is for.
func (o *outer) make(s *stage) error {
	err := o.in.Mkdir(o.name, 0o700)
	if err == nil {
		o.named = true
		err = s.yield(o.in, o.name)
	}
	if err == nil {
		o.dir, err = o.in.Sub(o.name)
	}
	if err == nil {
		err = o.dir.Private()
	}
	if err != nil {
		return recovery.PathError("mkdir", o.path(), err)
	}
	self, err := o.dir.Self()
	if err != nil {
		return recovery.PathError("stat", o.path(), err)
	}
	o.id = self.ID
	is, err := areaAt(o.dir, self)
	if err == nil && is != o.area {
		err = errors.New("something was mounted there meanwhile; try again")
	}
	return recovery.PathErrno("stat", o.path(), err)
}
