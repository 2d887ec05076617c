package txn

import (
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn/manifest"
)

// treeScan takes one tree op apart into wants.
type treeScan struct {
	*scan
	i int
	o *op
	l *listing
}

func (s *scan) tree(i int, o *op) error {
	l, err := o.list(s.early.ctx, s.tx.store.jobs())
	if err != nil {
		return err
	}
	t := &treeScan{s, i, o, l}
	if o.Path() == "." {
		t.prunesBelow(".")
		return t.entries(l.top, s.res.root)
	}
	at, err := s.locate(i, o, o.Path(), true)
	if err != nil {
		return err
	}
	at, _ = s.takenAway(at)
	t.prunesBelow(at.path())
	return t.folder(l.top, at)
}

func (t *treeScan) prunesBelow(path string) {
	if t.o.Prune {
		t.prunes[path] = t.i
	}
}

// said is the path of an entry as the user would write it.
func (t *treeScan) said(n *node) string {
	switch {
	case n.rel == ".":
		return t.o.Path()
	case t.o.Path() == ".":
		return n.rel
	}
	return t.o.Path() + "/" + n.rel
}

// folder wants a folder like the source's at a place, and its entries in it.
func (t *treeScan) folder(n *node, at place) error {
	mode := manifest.ModeOf(n.info.Mode)
	if at.info.Kind == fsys.Folder {
		if t.l.folders[at.info.ID] {
			return t.fail(n, errors.New("source and target overlap"))
		}
		f, err := t.res.enter(t.res.sub(at))
		if err != nil {
			return t.fail(n, err)
		}
		if err := t.putMode(t.i, t.said(n), at, mode); err != nil {
			return err
		}
		return t.entries(n, f)
	}
	if err := t.replaceable(n, at); err != nil {
		return err
	}
	w := newWant(at, t.said(n), want{kind: wantFolder, op: t.i, mode: mode, perm: 0o777, special: &special{like: t.like(n)}})
	if err := t.put(w); err != nil {
		return err
	}
	// A folder of its own: another op on a path below means what is there now.
	f := &folder{path: at.path(), name: at.name(), parent: at.folder}
	return t.entries(n, f)
}

// like is what an entry of a listing that is put back shall be like.
func (t *treeScan) like(n *node) *source {
	if !t.l.exact {
		return nil
	}
	return &source{dir: t.l.dir, rel: n.rel, info: n.info}
}

// replaceable refuses to change the kind of an entry without prune.
func (t *treeScan) replaceable(n *node, at place) error {
	_, gone := t.takenAway(at)
	switch {
	case gone, !at.info.Exists(), t.o.Prune && at.info.Kind != fsys.Special:
		return nil
	case at.info.Kind == fsys.Special:
		return t.fail(n, errors.New("is a special file (FIFO, socket or device)"))
	case n.info.Kind == fsys.Folder:
		return t.fail(n, errors.Wrapf(syscall.ENOTDIR, "the source has a directory here, the tree %s; use prune to replace it", at.info.Kind))
	case n.info.Kind != at.info.Kind:
		return t.fail(n, errors.Wrapf(fs.ErrExist, "the source has %s here, the tree %s; use prune to replace it", n.info.Kind, at.info.Kind))
	}
	return nil
}

func (t *treeScan) fail(n *node, err error) error {
	return &Error{Op: t.i, Path: t.said(n), Err: pathError("tree", t.said(n), err)}
}

// entries wants what is in a source folder in f, and with prune nothing else.
func (t *treeScan) entries(n *node, f *folder) error {
	for _, sub := range n.subs {
		at, err := t.res.place(f, sub.name, "")
		if err != nil {
			return t.fail(sub, err)
		}
		at, _ = t.takenAway(at)
		if err := t.entry(sub, at); err != nil {
			return err
		}
	}
	if t.o.Prune && f.info.Exists() {
		return t.prune(n, f)
	}
	return nil
}

func (t *treeScan) entry(n *node, at place) error {
	if n.info.Kind == fsys.Folder {
		return t.folder(n, at)
	}
	if at.info.Kind == fsys.Folder && !t.o.Prune {
		return t.fail(n, errors.Wrapf(syscall.EISDIR, "the source has %s here; use prune to replace the directory", n.info.Kind))
	}
	if err := t.replaceable(n, at); err != nil {
		return err
	}
	if at.info.Kind == fsys.Folder {
		if kept, err := t.keeps(n.rel, at); err != nil || kept != "" {
			return t.fail(n, errors.Join(err, errors.Newf("the directory in the way holds %s, which is not pruned", kept)))
		}
	}
	if n.info.Kind == fsys.Link {
		return t.putLink(newWant(at, t.said(n), want{kind: wantLink, op: t.i, special: &special{target: n.target, like: t.like(n)}}))
	}
	sp := &special{source: &source{
		dir: t.l.dir, rel: n.rel, said: t.l.path(n.rel), info: n.info, link: t.o.Move || t.l.exact, exact: t.l.exact,
	}}
	if t.o.Times {
		sp.mtime = n.info.Mtime
	}
	w := newWant(at, t.said(n), want{
		kind: wantFile, op: t.i, brings: true, mode: manifest.ModeOf(n.info.Mode), perm: 0o666, special: sp,
	})
	if t.o.quick && at.info.Kind == fsys.File && at.info.Size == n.info.Size && at.info.Mtime == n.info.Mtime {
		w.conclude(true)
	}
	return t.put(w)
}

// prune wants everything gone from f that the source does not have.
func (t *treeScan) prune(n *node, f *folder) error {
	names, err := t.names(f)
	if err != nil {
		return t.fail(n, err)
	}
	keep := make(map[string]bool, len(n.subs))
	for _, sub := range n.subs {
		keep[sub.name] = true
	}
	for _, name := range names {
		if keep[name] {
			continue
		}
		rel := name
		if n.rel != "." {
			rel = n.rel + "/" + name
		}
		gone, _, err := t.pruned(f, name, rel)
		if err != nil {
			return t.fail(n, err)
		}
		for _, w := range gone {
			if err := t.put(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// pruned lists what goes of an entry that the source does not have: the whole of it, or, where something below is
// excluded or a store, all the rest.
func (t *treeScan) pruned(f *folder, name, rel string) (gone []*want, whole bool, err error) {
	if journal.IsOuter(name) {
		return nil, true, nil // comes and goes by itself, and goes with its folder
	}
	if name == journal.StateFolder || t.o.excludes(rel) {
		return nil, false, nil
	}
	i, err := t.res.stat(f, name)
	if err != nil || !i.Exists() {
		return nil, true, err
	}
	at := newPlace(f, f.join(name), i)
	if _, vacated := t.vacated[at.path()]; vacated {
		return nil, true, nil
	}
	self := newWant(at, t.said(&node{rel: rel}), want{kind: wantGone, op: t.i})
	if i.Kind != fsys.Folder {
		return []*want{self}, true, nil
	}
	if t.l.folders[i.ID] {
		return nil, false, errors.Newf("%s is the source itself, which prune would remove", at.path())
	}
	sub := t.res.sub(at)
	names, err := t.prunable(sub)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for _, n := range names {
		g, w, err := t.pruned(sub, n, rel+"/"+n)
		if err != nil {
			return nil, false, err
		}
		gone, whole = append(gone, g...), whole && w
	}
	if whole {
		gone = []*want{self}
	}
	return gone, whole, nil
}

func (s *scan) names(f *folder) ([]string, error) {
	d, err := s.res.handle(f)
	if err != nil {
		return nil, err
	}
	return d.Names()
}

// prunable lists what is in a folder, but of a store only that it is one.
func (t *treeScan) prunable(f *folder) ([]string, error) {
	names, err := t.names(f)
	if err == nil && slices.Contains(names, journal.StateFolder) {
		return []string{journal.StateFolder}, nil // a store: nothing in it is pruned
	}
	return names, err
}

// keeps names an entry below a folder that must not be pruned with it.
func (t *treeScan) keeps(rel string, at place) (string, error) {
	_, whole, err := t.pruned(at.folder, at.name(), rel)
	if err != nil || whole {
		return "", err
	}
	return "an excluded file or another store", nil
}
