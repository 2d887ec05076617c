package txn

import (
	"slices"
	"strings"

	"github.com/txcommit/txcommit/txn/manifest"
)

// given is an op of a manifest as it is added to a transaction.
type given struct {
	manifest.Op
	perm    uint32  // for new files and folders, before the umask
	content *stream // of Tx.Create
	dir     string  // what Source is relative to
	listing *listing
	quick   bool  // TreeOptions.Quick
	back    *back // of an undo
	marked  bool  // the file that UpdateJSON has read begins with a byte order mark
	scratch bool  // Source is a stage folder, which is nobody's any more after the commit
}

// op is an op as a transaction holds it. There may be a million, so what ops have in common is there once: the rest of
// an op, whose own Path and Content are empty, may be that of others too, and is not changed.
type op struct {
	text    string // the path, and behind it the content: apart, those of a million small files took 40 bytes more for each
	path    uint32 // how much of the text is the path
	written bool   // there is a content, perhaps an empty one
	*given
}

// shared are the last rests of ops that ops to come may be like.
type shared struct {
	rests [8]*given
	next  int
}

// op makes what a transaction holds of g.
func (s *shared) op(g given) op {
	o := op{text: g.Path, path: uint32(len(g.Path)), written: g.Content != nil}
	if o.written {
		var b strings.Builder
		b.Grow(len(g.Path) + len(g.Content))
		b.WriteString(g.Path)
		b.Write(g.Content)
		o.text = b.String()
	}
	g.Path, g.Content, g.Line, g.Col = "", nil, 0, 0
	for _, r := range s.rests {
		if r != nil && r.alike(&g) {
			o.given = r
			return o
		}
	}
	o.given = new(g)
	s.rests[s.next%len(s.rests)] = o.given
	s.next++
	return o
}

// Path is the op's path.
func (o *op) Path() string { return o.text[:o.path] }

// Content is what the op writes, if that is in memory.
func (o *op) Content() string { return o.text[o.path:] }

// whole is the op as it was given.
func (o *op) whole() manifest.Op {
	m := o.Op
	m.Path = o.Path()
	if o.written {
		m.Content = []byte(o.Content())
	}
	return m
}

// alike says that two rests are equal, and remain so: a listing is added later.
func (g *given) alike(o *given) bool {
	a, b := &g.Op, &o.Op
	return a.Kind == b.Kind && a.Kind != manifest.Tree && a.From == b.From && a.To == b.To && a.Mode == b.Mode &&
		a.Target == b.Target && a.Source == b.Source && a.SHA256 == b.SHA256 && a.Format == b.Format && a.Schema == b.Schema &&
		a.Expect == b.Expect && a.RequireParents == b.RequireParents && a.Recursive == b.Recursive && a.MissingOK == b.MissingOK &&
		a.Replace == b.Replace && a.Prune == b.Prune && a.Move == b.Move && a.Times == b.Times && slices.Equal(a.Exclude, b.Exclude) &&
		g.perm == o.perm && g.content == o.content && g.dir == o.dir && g.listing == o.listing && g.quick == o.quick &&
		g.back == o.back && g.marked == o.marked && g.scratch == o.scratch
}

// said is the path that the user has written.
func (o *op) said() string {
	if o.Kind == manifest.Rename {
		return o.From
	}
	return o.Path()
}

// ends lists the paths on which the op ends.
func (o *op) ends() []string {
	if o.Kind == manifest.Rename {
		return []string{o.From, o.To}
	}
	return []string{o.Path()}
}

// Ops are the ops of a manifest before they are in a transaction: a million take some 32 MiB beside their texts. The zero
// value is empty.
type Ops struct {
	list   []op
	shared shared
}

// Add adds an op. Its sources are relative to dir.
func (ops *Ops) Add(o manifest.Op, dir string) error {
	g := given{Op: o, dir: dir}
	err := g.clean(nil)
	added := ops.shared.op(g)
	if err != nil {
		return &Error{Op: len(ops.list), Path: added.said(), Err: err}
	}
	ops.list = append(ops.list, added)
	return nil
}

// Len is the number of ops.
func (ops *Ops) Len() int { return len(ops.list) }
