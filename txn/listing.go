package txn

import (
	"context"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// listing is the source of a tree op as it was seen once.
type listing struct {
	dir     *fsys.Dir
	said    string
	top     *node
	folders map[fsys.ID]bool // to notice that source and target overlap
	exact   bool             // its files are to be put back as they are
}

// node is an entry of a listing.
type node struct {
	name   string
	rel    string // relative to the source, "." for itself
	info   fsys.Info
	target string // of a link
	subs   []*node
}

// list reads the source of a tree op, or returns what was read before.
func (o *op) list(ctx context.Context, jobs int) (*listing, error) {
	if o.listing != nil {
		return o.listing, nil
	}
	name := o.source()
	d, err := fsys.OpenDir(name)
	if o.scratch {
		name = o.Path() // which the user knows
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	self, err := d.Self()
	if err != nil {
		_ = d.Close()
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	l := &listing{dir: d, said: name, top: &node{rel: ".", info: self}, folders: map[fsys.ID]bool{self.ID: true}}
	if err := l.read(ctx, o, jobs); err != nil {
		_ = d.Close()
		return nil, err
	}
	o.listing = l
	return l, nil
}

func (l *listing) path(rel string) string {
	if rel == "." {
		return l.said
	}
	return l.said + string(os.PathSeparator) + rel
}

// read lists all that is below the source, folder by folder from the top, as many at once as there are jobs.
func (l *listing) read(ctx context.Context, o *op, jobs int) error {
	for level := []*node{l.top}; len(level) > 0; {
		errs := make([]error, len(level))
		err := parallel(ctx, jobs, len(level), func(i int) error {
			errs[i] = l.readFolder(o, level[i])
			return nil
		})
		if err != nil {
			return err
		}
		var below []*node
		for i, n := range level {
			if errs[i] != nil {
				return errs[i]
			}
			for _, sub := range n.subs {
				if sub.info.Kind == fsys.Folder {
					l.folders[sub.info.ID] = true
					below = append(below, sub)
				}
			}
		}
		level = below
	}
	return nil
}

func (l *listing) readFolder(o *op, n *node) error {
	d, err := l.dir.Beneath(n.rel)
	if err != nil {
		return &fs.PathError{Op: "open", Path: l.path(n.rel), Err: err}
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return &fs.PathError{Op: "read", Path: l.path(n.rel), Err: err}
	}
	slices.Sort(names)
	for _, name := range names {
		rel := name
		if n.rel != "." {
			rel = n.rel + "/" + name
		}
		if name == journal.StateFolder || journal.IsOuter(name) || o.excludes(rel) {
			continue
		}
		sub, err := l.entry(d, name, rel)
		if err != nil {
			return err
		}
		n.subs = append(n.subs, sub)
	}
	return nil
}

func (l *listing) entry(d *fsys.Dir, name, rel string) (*node, error) {
	n := &node{name: name, rel: rel}
	var err error
	if n.info, err = d.Stat(name); err == nil && n.info.Kind == fsys.Link {
		n.target, err = d.ReadLink(name)
	}
	if err == nil && !n.info.Exists() {
		err = syscall.ENOENT // it was listed a moment ago
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: l.path(rel), Err: err}
	}
	if n.info.Kind == fsys.Special && !l.exact {
		return nil, errors.Newf("source %s is a special file (FIFO, socket or device); exclude it", l.path(rel))
	}
	return n, nil
}

// excludes says that a path relative to the source is neither copied nor pruned. What is below it is not looked at.
func (o *op) excludes(rel string) bool {
	for _, g := range o.Exclude {
		if ok, _ := doublestar.Match(g, rel); ok { // the globs are checked when the op is added
			return true
		}
	}
	return false
}

// spares says that a path below top, where a tree op ends, is excluded from it, or in a folder that is.
func (o *op) spares(p, top string) bool {
	for rel := relativeTo(p, top); rel != "."; rel = path.Dir(rel) {
		if o.excludes(rel) {
			return true
		}
	}
	return false
}

func relativeTo(p, top string) string {
	if top == "." {
		return p
	}
	return strings.TrimPrefix(p, top+"/")
}

func (o *given) checkGlobs() error {
	for _, g := range o.Exclude {
		if g == "" || !doublestar.ValidatePattern(g) {
			return invalidf("exclude %q is not a valid glob", g)
		}
	}
	if strings.ContainsRune(o.Source, 0) || o.Source == "" {
		return invalidf("source is not a valid path")
	}
	return nil
}
