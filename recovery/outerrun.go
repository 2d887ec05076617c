package recovery

import (
	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// outer is an outer folder of a record.
type outer struct {
	sub  uint32 // its index in Record.Subs
	host *fsys.Dir
	name string // in host
	dir  *fsys.Dir
	dev  uint64
}

// openOuters opens the outer folders of a record, before anything is done about it. One that is not there is never taken
// for one whose steps are done: it goes after the transaction has ended.
func (r *Run) openOuters() error {
	for i := range r.rec.Subs {
		host, name, ok := r.rec.Subs[i].Outer()
		if !ok {
			continue
		}
		o, err := r.openOuter(uint32(i), host, name)
		var no *unmounted
		switch {
		case isGone(err):
			return errors.Newf("%s: %v", r.rec.Subs[i].Name, err) // an error that matches would say that the transaction has ended
		case errors.As(err, &no):
			return err
		case err != nil:
			return errors.Wrapf(PathErrno("open", r.rec.Subs[i].Name, err), "private folder %s", r.rec.Subs[i].Name)
		}
		r.outers = append(r.outers, o)
	}
	return nil
}

func (r *Run) openOuter(i uint32, hostPath, name string) (outer, error) {
	o := outer{sub: i, name: name}
	host, err := r.openHost(hostPath)
	if err != nil {
		return o, err
	}
	info, err := host.Stat(name)
	switch {
	case err != nil:
	case !info.Exists():
		err = errors.New("was deleted by another program while the transaction was unfinished")
	case inode(info) != r.rec.Subs[i].Inode:
		err = errors.New("is not the recorded folder")
	default:
		if o.dir, err = host.Sub(name); err == nil {
			if err = o.dir.Writable(); err != nil { // mounted read-only by now, say
				_ = o.dir.Close()
			}
		}
	}
	if err != nil {
		_ = host.Close()
		return o, err
	}
	o.host, o.dev = host, info.Dev
	return o, nil
}

// openHost opens the folder of the tree that an outer folder is in.
func (r *Run) openHost(path string) (*fsys.Dir, error) {
	for i := range r.rec.Parents {
		p := &r.rec.Parents[i]
		if p.Path != path {
			continue
		}
		d, err := r.env.recorded(path, p.Inode)
		if err == nil && d == nil {
			err = &unmounted{r.topOf(path)}
		}
		return d, err
	}
	return nil, errors.AssertionFailedf("folder %s is not in the record", path)
}

// topOf is what is missing where a folder is not to be found: the top of the place that it is in, if that is not there either.
func (r *Run) topOf(path string) string {
	all, err := notes(r.stage, r.rec.ID.String())
	if err != nil {
		return path
	}
	for i := range all {
		n := &all[i]
		if n.Host != path {
			continue
		}
		top, err := r.env.recorded(n.Top, n.TopInode)
		if err == nil && top == nil {
			return n.Top
		}
		if top != nil {
			_ = top.Close()
		}
	}
	return path
}

func (r *Run) closeOuters() {
	for _, o := range r.outers {
		_ = o.dir.Close()
		_ = o.host.Close()
	}
	r.outers = nil
}

// syncOuters is one syncfs for each file system that outer folders are on; of the one of the stage folder, or of another
// one, there may be several mounts.
func syncOuters(runs []*Run) error {
	for _, r := range runs {
		done := map[uint64]bool{}
		if i, err := r.stage.Self(); err == nil {
			done[i.Dev] = true
		}
		for _, o := range r.outers {
			if done[o.dev] {
				continue
			}
			if err := o.dir.SyncFS(); err != nil {
				return PathError("sync", r.rec.Subs[o.sub].Name, err)
			}
			done[o.dev] = true
		}
	}
	return nil
}

// endOuters removes the outer folders of a transaction that has ended, durably, and returns what the stage folder is called
// after that. For one that has taken effect the stage folder leaves its name first: with that the transaction is finished,
// and that must be durable before what tells which steps are done begins to go. Of one that was taken back the record is
// deleted by now.
func (r *Run) endOuters() (name string, err error) {
	name = r.rec.ID.String()
	if r.rec.State == journal.Decided {
		ended := name + EndedSuffix
		if err := r.env.Stage.RenameNoReplace(name, r.env.Stage, ended); err != nil {
			return name, PathError("clean up", ".txcommit/stage/"+name, err)
		}
		name = ended
		if err := syncNames(r.env.Stage); err != nil {
			return name, PathError("sync", ".txcommit/stage", err)
		}
	}
	for _, o := range r.outers {
		recorded := func(i fsys.Info) bool { return inode(i) == r.rec.Subs[o.sub].Inode }
		if err := RemoveOuter(o.host, o.name, recorded); err != nil {
			return name, PathError("clean up", r.rec.Subs[o.sub].Name, err)
		}
	}
	return name, nil
}
