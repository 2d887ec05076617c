package txn

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// Plan tells what Commit would do now. It changes nothing and creates nothing.
func (tx *Tx) Plan(ctx context.Context) (*Plan, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return nil, ErrTxDone
	}
	return tx.planOnly(ctx)
}

// plan tells what the scan has found.
func (s *scan) plan() *Plan {
	c := &commit{res: &Result{}}
	c.count(s, nil)
	p := &Plan{
		Created: c.res.Created, Changed: c.res.Changed, Removed: c.res.Removed, Unchanged: c.res.Unchanged,
		Folders: c.res.Folders,
		Changes: make([]Change, 0, len(s.byPath.items)),
	}
	for _, w := range s.byPath.items {
		sym := symbol(w)
		if sym == 0 {
			continue
		}
		if w.endsFolder() {
			s.planBelow(p, w)
		}
		ch := Change{Symbol: sym, Path: w.path(), Op: w.op, Before: s.before(w, sym), After: s.after(w)}
		if sym == '>' {
			ch.From = w.from.path()
		}
		if w.kind == wantFile {
			p.Bytes += ch.After.Size
		}
		p.Changes = append(p.Changes, ch)
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return p
}

// before describes what is at the path of a want. A folder that another op renames is told by its new name, and so is all
// where something else is renamed to.
func (s *scan) before(w *want, sym byte) Entry {
	if i, ok := s.vacated[w.path()]; ok && sym != '~' && s.tx.ops[i].Kind == manifest.Rename {
		return Entry{}
	}
	return entryOf(*w.info)
}

func entryOf(i fsys.Info) Entry {
	e := Entry{Mode: i.FileMode(), Exists: i.Exists(), Size: i.Size}
	if i.Kind == fsys.File {
		e.Links = int(i.Nlink)
	}
	return e
}

// after describes what will be at the path of a want.
func (s *scan) after(w *want) Entry {
	e := entryOf(*w.info)
	switch w.kind {
	case wantGone:
		return Entry{}
	case wantSame, wantMode:
	case wantLinked, wantMoved:
		e = entryOf(*w.from.info)
	case wantLink:
		return Entry{Mode: fs.ModeSymlink | 0o777, Exists: true, Size: int64(len(w.target)), Target: w.target}
	case wantFolder:
		e = Entry{Mode: fs.ModeDir | fsys.Perm(w.perm), Umask: true, Exists: true}
	case wantFile:
		if !w.replacesFile() {
			e = Entry{Mode: fsys.Perm(w.perm), Umask: true, Exists: true}
		}
		e.Size = w.content(s.tx.ops).size()
	}
	if bits, ok := w.mode.Bits(); ok {
		e.Mode, e.Umask = e.Mode.Type()|fsys.Perm(bits), false
	}
	return e
}

// planBelow adds what goes with the folder at the path of a want; no other op can mean any of it. What cannot be looked
// at is left out: the commit is going to say so.
func (s *scan) planBelow(p *Plan, w *want) {
	d, err := s.res.handle(w.folder)
	if err != nil {
		return
	}
	if d, err = d.Sub(w.name()); err != nil {
		return
	}
	defer d.Close()
	p.goes(d, w.path(), w.op)
}

// goes adds all that is in a folder as removed.
func (p *Plan) goes(d *fsys.Dir, at string, op int) {
	names, err := d.Names()
	if err != nil {
		return
	}
	for _, name := range names {
		path := at + "/" + name
		i, err := d.Stat(name)
		if err != nil || !i.Exists() {
			continue
		}
		p.Changes = append(p.Changes, Change{Symbol: '-', Path: path, Op: op, Before: entryOf(i)})
		if i.Kind != fsys.Folder {
			p.Removed++
			continue
		}
		if sub, err := d.Sub(name); err == nil {
			p.goes(sub, path, op)
			_ = sub.Close()
		}
	}
}
