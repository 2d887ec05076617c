package recovery

import (
	"io"
	"path"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// verify looks after a restart at a transaction of level process, of which any part may be missing. It redoes and
// undoes nothing: it says which paths do not hold what was written, keeps what is left of the stage folder in
// displaced/, and deletes the record. What is torn is reported once, as ErrIncomplete. Steps that a later transaction
// has overtaken are not looked at: what they left says nothing any more.
func (e *Env) verify(rec *journal.Record, all []*journal.Record, out Outcome) (Outcome, error) {
	later, before := laterPaths(rec, all), replacedBefore(rec, all)
	r := &Run{env: e, rec: rec, parents: map[uint32]*fsys.Dir{}}
	defer r.closeParents()
	for i := range rec.Steps {
		s := &rec.Steps[i]
		if later.overtake(rec.Path(s)) {
			continue
		}
		ok, err := r.verified(s, before[rec.Path(s)])
		if err != nil {
			return out, Incomplete(PathError("read", rec.Path(s), err))
		}
		if !ok {
			out.Torn = append(out.Torn, rec.Path(s))
		}
	}
	out, err := e.abandonStage(rec, out)
	if err != nil {
		return out, err
	}
	out.Outcome = "completed"
	if len(out.Torn) == 0 {
		return out, nil
	}
	out.Outcome = "torn"
	return out, Incomplete(&torn{out.ID, out.Torn})
}

// paths are those that transactions have changed.
type paths struct {
	at    map[string]bool
	above map[string]bool // the folders above them
}

// laterPaths collects what was changed after rec was committed. Ids do not tell, they are as old as the transaction, and
// a clock can be set back.
func laterPaths(rec *journal.Record, all []*journal.Record) paths {
	p := paths{map[string]bool{}, map[string]bool{}}
	for _, r := range all {
		if r.Seq <= rec.Seq {
			continue
		}
		for i := range r.Steps {
			p.add(r.Path(&r.Steps[i]))
			if r.Steps[i].Kind == journal.Move {
				p.add(r.ToPath(&r.Steps[i]))
			}
		}
	}
	return p
}

func (p paths) add(name string) {
	p.at[name] = true
	for dir := path.Dir(name); dir != "." && !p.above[dir]; dir = path.Dir(dir) {
		p.above[dir] = true
	}
}

// overtake says that a path, one above it or one below it was changed.
func (p paths) overtake(name string) bool {
	if p.above[name] {
		return true
	}
	for ; name != "."; name = path.Dir(name) {
		if p.at[name] {
			return true
		}
	}
	return false
}

// replacedBefore tells, by path, what transactions before rec have replaced: a restart may have brought it back.
func replacedBefore(rec *journal.Record, all []*journal.Record) map[string][]journal.Inode {
	old := map[string][]journal.Inode{}
	for _, r := range all {
		if r.Seq >= rec.Seq {
			continue
		}
		for i := range r.Steps {
			if s := &r.Steps[i]; s.Kind != journal.Chmod && s.Old.Kind != 0 {
				old[r.Path(s)] = append(old[r.Path(s)], s.Old.Inode)
			}
		}
	}
	return old
}

// verified says that a step is in place, or was overtaken by somebody else. What was there before an earlier transaction
// is nobody else's.
func (r *Run) verified(s *journal.Step, before []journal.Inode) (bool, error) {
	d, err := r.parent(s.Parent)
	if err != nil {
		return false, nil // its folder is not there: it was made by the same transaction, or somebody moved it
	}
	t, err := d.Stat(s.Name)
	if err != nil {
		return false, err
	}
	if t.Exists() && inode(t) != s.New && !same(t, s.Old) && slices.Contains(before, inode(t)) {
		return false, nil
	}
	switch s.Kind {
	case journal.Install:
		if inode(t) != s.New {
			return t.Exists() && !same(t, s.Old), nil
		}
		digest, err := ContentDigest(d, s.Name)
		return digest == s.Digest, err
	case journal.Remove, journal.Move:
		return !same(t, s.Old), nil
	case journal.Chmod:
		return !same(t, s.Old) || t.Mode != uint32(s.Was), nil
	}
	return true, nil
}

// ContentDigest is the xxh3 of what is at name: a file's bytes, a link's target, the names and contents of a folder.
func ContentDigest(d *fsys.Dir, name string) (uint64, error) {
	h := xxh3.New()
	err := digestInto(h, d, name)
	return h.Sum64(), err
}

func digestInto(h *xxh3.Hasher, d *fsys.Dir, name string) error {
	i, err := d.Stat(name)
	if err != nil {
		return err
	}
	_, _ = h.Write([]byte{byte(i.Kind)})
	switch i.Kind {
	case fsys.File:
		f, err := d.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(h, f)
		return err
	case fsys.Link:
		target, err := d.ReadLink(name)
		_, _ = h.Write([]byte(target))
		return err
	case fsys.Folder:
		return digestFolder(h, d, name)
	case fsys.Absent, fsys.Special:
	}
	return nil
}

func digestFolder(h *xxh3.Hasher, d *fsys.Dir, name string) error {
	sub, err := d.Sub(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		_, _ = h.Write(append([]byte(n), 0))
		if err := digestInto(h, sub, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) closeParents() {
	for _, d := range r.parents {
		_ = d.Close()
	}
}
