package txn

import (
	"time"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// preparer builds the record of a transaction, under the lock. Everything that could make the kernel refuse a step is
// found here, before the commit point.
type preparer struct {
	*scan
	stage    *stage
	rec      *journal.Record
	exchange map[*outer]bool // whether names can be exchanged there; nil is where the stage folder is

	parents map[string]uint32
	subs    map[uint32]uint32
	allowed map[string]*folder // target folders that were checked
	folding map[*folder]bool   // those of them that take some names for one
	holders map[*outer]holder
	removed map[*want]int    // files below a folder that goes
	tops    map[*want]uint32 // the steps that bring new folders
	inside  int              // what is staged inside of them
	kept    int64            // bytes that are replaced or removed
}

func newPreparer(sc *scan, st *stage) *preparer {
	p := &preparer{
		scan: sc, stage: st, rec: &journal.Record{ID: uuid.MustParse(st.id), State: journal.Decided},
		exchange: map[*outer]bool{}, holders: map[*outer]holder{}, folding: map[*folder]bool{},
		parents: map[string]uint32{}, subs: map[uint32]uint32{}, allowed: map[string]*folder{}, removed: map[*want]int{}, tops: map[*want]uint32{},
	}
	p.rec.Stage = journal.Inode(st.self.ID)
	p.rec.Created = time.Now().UnixNano()
	p.rec.Message, p.rec.Key = sc.tx.message, sc.tx.key
	return p
}

// record makes the record of the steps, and the links and placeholders that it speaks of.
func (p *preparer) record(steps []step) (*journal.Record, error) {
	if err := p.probeExchange(steps); err != nil {
		return nil, err
	}
	p.rec.Steps = make([]journal.Step, 0, len(steps))
	for i := range steps {
		st := &steps[i]
		if err := p.add(st); err != nil {
			var already *Error
			if errors.As(err, &already) {
				return nil, err
			}
			return nil, &Error{Op: st.op, Path: st.said(), Err: pathError(st.opName(p.tx.ops), st.said(), err)}
		}
	}
	if len(p.folding) > 0 {
		if err := p.checkFolding(func(f *folder) bool { return p.folding[f] }); err != nil {
			return nil, err
		}
	}
	if err := p.linkInside(); err != nil {
		return nil, err
	}
	if err := p.recordOuters(steps); err != nil {
		return nil, err
	}
	p.walkNew(steps)
	return p.rec, p.finishFolders()
}

func (p *preparer) add(st *step) error {
	if err := p.allow(st); err != nil {
		return err
	}
	js := journal.Step{Kind: st.kind, Name: st.name(), Old: recovery.Describe(*st.old)}
	if st.old.Kind == fsys.File && (st.kind == journal.Install || st.kind == journal.Remove && !st.vacated) {
		p.kept += st.old.Size
	}
	var err error
	if js.Parent, err = p.parent(st.folder); err != nil {
		return err
	}
	if p.expected(st) {
		js.Flags |= journal.Expect
	}
	switch st.kind {
	case journal.Install:
		err = p.install(st, &js)
	case journal.Remove:
		err = p.remove(st, &js)
	case journal.Chmod:
		bits, _ := st.mode.Bits()
		js.Mode, js.Was = uint16(bits), uint16(st.info.Mode)
	case journal.Move:
		err = p.move(st, &js)
	}
	p.rec.Steps = append(p.rec.Steps, js)
	return err
}

// expected says whether a condition was put on the present state of the step's target.
func (p *preparer) expected(st *step) bool {
	path := st.path()
	if st.kind == journal.Move {
		path = st.from.path()
	}
	for i := range p.checks {
		if p.checks[i].path() == path {
			return true
		}
	}
	return false
}

// parent returns the index of a target folder in the record. One that comes with the transaction is staged by now.
func (p *preparer) parent(f *folder) (uint32, error) {
	if i, ok := p.parents[f.path]; ok {
		return i, nil
	}
	id := f.info.ID
	if !f.info.Exists() {
		s := p.stage.staged.find(f.path)
		if s == nil {
			return 0, errors.AssertionFailedf("folder %s is neither there nor staged", f.path)
		}
		id = s.id
	}
	i := uint32(len(p.rec.Parents))
	p.rec.Parents = append(p.rec.Parents, journal.Parent{Path: f.path, Inode: journal.Inode(id)})
	p.parents[f.path] = i
	return i, nil
}

// sub returns the index of a stage subfolder in the record.
func (p *preparer) sub(n uint32) (uint32, error) {
	if i, ok := p.subs[n]; ok {
		return i, nil
	}
	i := uint32(len(p.rec.Subs))
	if o := p.stage.outerNamed(n); o != nil {
		p.rec.Subs = append(p.rec.Subs, journal.OuterSub(o.host, o.name, journal.Inode(o.id)))
		p.subs[n] = i
		return i, nil
	}
	name := subName(n)
	info, err := p.stage.dir.Stat(name)
	if err != nil {
		return 0, err
	}
	p.rec.Subs = append(p.rec.Subs, journal.Sub{Name: name, Inode: journal.Inode(info.ID)})
	p.subs[n] = i
	return i, nil
}

func (p *preparer) install(st *step, js *journal.Step) (err error) {
	if st.kind == journal.Install && st.want.kind == wantLinked {
		js.Flags |= journal.Linked
		if err := p.linkRenamed(st.want); err != nil {
			return err
		}
	}
	s := p.stage.staged.find(st.path())
	if s == nil {
		return errors.AssertionFailedf("%s is not staged", st.path())
	}
	if s.linked {
		js.Flags |= journal.Linked
	}
	js.New, js.Num = journal.Inode(s.id), s.num
	js.Walk = recovery.Seal(s.info()) // of a folder: see walkNew
	if js.Sub, err = p.sub(s.sub); err != nil {
		return err
	}
	if !st.old.Exists() {
		return nil
	}
	if st.old.Kind == fsys.Folder {
		if err := p.walkOld(st, js); err != nil {
			return err
		}
	}
	if p.exchange[p.stage.outerNamed(s.sub)] {
		js.Flags |= journal.Exchange
		return nil
	}
	return p.linkOld(st, s)
}

// linkOld keeps what is replaced where names cannot be exchanged.
func (p *preparer) linkOld(st *step, s *staged) error {
	if st.old.Kind == fsys.Folder {
		return errors.Wrap(ErrUnsupported, "this file system cannot exchange names, so a directory cannot be replaced in one step")
	}
	if s.info().Kind == fsys.Folder { // the rename would be refused, after the commit point
		return errors.Wrap(ErrUnsupported, "this file system cannot exchange names, so a directory cannot take a file's place in one step")
	}
	d, err := p.res.handle(st.folder)
	if err != nil {
		return err
	}
	in, at := p.stage.where(subName(s.sub) + "/" + recovery.OldName(s.num))
	if err := d.Link(st.name(), in, at); err != nil {
		return errors.Wrap(err, "names cannot be exchanged here, so that to replace a file takes a second link to it")
	}
	return nil
}

// linkRenamed stages a renamed file: a second link to it.
func (p *preparer) linkRenamed(w *want) error {
	s, err := p.stage.place(w)
	if err != nil {
		return err
	}
	d, err := p.res.handle(w.from.folder)
	if err != nil {
		return err
	}
	in, at := p.stage.where(s.at())
	if err := d.Link(w.from.name(), in, at); err != nil {
		return errors.Wrap(err, "a rename needs a second link to the file")
	}
	return p.stage.finish(w, s)
}

func (p *preparer) remove(st *step, js *journal.Step) error {
	s, err := p.stage.next(st.folder.path)
	if err != nil {
		return err
	}
	js.Num = s.num
	if js.Sub, err = p.sub(s.sub); err != nil {
		return err
	}
	at := subName(s.sub) + "/" + recovery.OldName(s.num)
	isFolder := st.old.Kind == fsys.Folder
	if isFolder {
		if err := p.walkOld(st, js); err != nil {
			return err
		}
		if st.empty {
			js.Flags |= journal.Empty
		}
	} else if st.old.Nlink > 1 || st.vacated {
		js.Flags |= journal.Relinked
	}
	if !isFolder || fsys.FolderOverFile {
		js.New, err = p.placeholder(p.stage.outerNamed(s.sub), at)
		return err
	}
	in, name := p.stage.where(at)
	if err := in.Mkdir(name, 0o700); err != nil {
		return err
	}
	i, err := in.Stat(name)
	js.New = journal.Inode(i.ID)
	return err
}

func (p *preparer) move(st *step, js *journal.Step) (err error) {
	d, err := p.res.handle(st.from.folder)
	if err != nil {
		return err
	}
	store, err := storeBelow(d, st.from.name())
	if err == nil && store != "" {
		err = &Error{Op: st.op, Path: p.tx.ops[st.op].From, Err: holdsStore(store)}
	}
	if err != nil {
		return err
	}
	js.Name, js.Old = st.from.name(), recovery.Describe(*st.from.info)
	if js.Parent, err = p.parent(st.from.folder); err != nil {
		return err
	}
	js.ToName = st.name()
	js.ToParent, err = p.parent(st.folder)
	return err
}
