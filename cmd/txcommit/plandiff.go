package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/txcommit/txcommit/txn"
)

// Files above diffLimit are only said to differ; so are those with a NUL byte in what git looks at.
const (
	diffLimit   = 16 << 20
	binaryProbe = 8000
)

// diffs adds to each line of a plan what changes in the content, in git's format: `git apply` takes it.
func (a *app) diffs(ctx context.Context, tx *txn.Tx, rep *planReport, p *txn.Plan) error {
	was, err := os.OpenRoot(a.flags.root)
	if err != nil {
		return a.opened(err)
	}
	defer func() { _ = was.Close() }() // nothing was written
	d := &differ{was: was.FS(), now: tx.FS(), left: map[string]bool{}}
	byPath := make(map[string]*changeDoc, len(rep.Changes))
	for i := range rep.Changes {
		byPath[string(rep.Changes[i].Path)] = &rep.Changes[i]
	}
	for _, c := range p.Changes {
		if c.Symbol == '>' {
			d.left[c.From] = true
		}
	}
	for _, c := range p.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if doc := byPath[c.Path]; doc != nil {
			if doc.Diff, err = d.change(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// differ compares the tree as it is with the tree as it would be.
type differ struct {
	was, now fs.FS
	left     map[string]bool // the old names of what is renamed
}

func (d *differ) change(c txn.Change) (string, error) {
	switch {
	case c.Symbol == '>':
		return d.renamed(c)
	case c.Symbol == 'm' && !c.After.Mode.IsDir():
		return header(c.Path, c.Path) + modes(c), nil
	case c.Symbol == '~' && d.isLeft(c.Path):
		return d.content(txn.Change{Symbol: '+', Path: c.Path, After: c.After})
	case c.Symbol == '+' || c.Symbol == '-' || c.Symbol == '~':
		return d.content(c)
	}
	return "", nil
}

// isLeft says that what was at a path is renamed: what comes there is new, and has nothing of it, not even its mode.
func (d *differ) isLeft(name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if d.left[name] {
			return true
		}
	}
	return false
}

// renamed tells of each file that a rename moves, and before that of the one that it replaces.
func (d *differ) renamed(c txn.Change) (string, error) {
	var b strings.Builder
	if c.Before.Exists {
		replaced, err := d.content(txn.Change{Symbol: '-', Path: c.Path, Before: c.Before})
		if err != nil {
			return "", err
		}
		b.WriteString(replaced)
	}
	err := fs.WalkDir(d.now, c.Path, func(to string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			from := c.From + strings.TrimPrefix(to, c.Path)
			fmt.Fprintf(&b, "%ssimilarity index 100%%\nrename from %s\nrename to %s\n", header(from, to), quote(from), quote(to))
		}
		return err
	})
	return b.String(), err
}

// content tells how a file comes, goes or changes. Git knows no folders, and takes a change of kind for two changes.
func (d *differ) content(c txn.Change) (string, error) {
	was, now := c.Before, c.After
	gone := was.Exists && !was.Mode.IsDir() && c.Symbol != '+'
	comes := now.Exists && !now.Mode.IsDir()
	if gone && comes && was.Mode.Type() != now.Mode.Type() {
		out, err := d.content(txn.Change{Symbol: '-', Path: c.Path, Before: was})
		if err != nil {
			return "", err
		}
		more, err := d.content(txn.Change{Symbol: '+', Path: c.Path, After: now})
		return out + more, err
	}
	var old, new *text
	var err error
	if gone {
		if old, err = read(d.was, c.Path, was); err != nil {
			return "", err
		}
	}
	if comes {
		if new, err = read(d.now, c.Path, now); err != nil {
			return "", err
		}
	}
	switch {
	case !gone && !comes:
		return "", nil
	case !gone:
		return header(c.Path, c.Path) + "new file mode " + gitMode(now) + "\n" + body(c.Path, old, new), nil
	case !comes:
		return header(c.Path, c.Path) + "deleted file mode " + gitMode(was) + "\n" + body(c.Path, old, new), nil
	}
	return header(c.Path, c.Path) + modes(c) + body(c.Path, old, new), nil
}

func header(from, to string) string {
	return "diff --git " + quote("a/"+from) + " " + quote("b/"+to) + "\n"
}

func modes(c txn.Change) string {
	if c.After.Umask || c.Before.Mode == c.After.Mode {
		return ""
	}
	return "old mode " + gitMode(c.Before) + "\nnew mode " + gitMode(c.After) + "\n"
}

// gitMode is a mode as git writes it, but with all its bits.
func gitMode(e txn.Entry) string {
	switch {
	case e.Mode&fs.ModeSymlink != 0:
		return "120000"
	case e.Umask && e.Mode.Perm() == 0o666:
		return "100644" // what it will be is not known; this is what git calls a plain file
	}
	return "10" + octal(e.Mode)
}

// text is the content of a file, as far as it is shown.
type text struct {
	data   []byte
	hidden string // why not
}

func read(tree fs.FS, path string, e txn.Entry) (*text, error) {
	if e.Mode&fs.ModeSymlink != 0 {
		target, err := fs.ReadLink(tree, path)
		return &text{data: []byte(target)}, err
	}
	f, err := tree.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, diffLimit+1))
	t := &text{data: data}
	switch {
	case len(data) > diffLimit:
		t.hidden = "Large files"
	case bytes.IndexByte(data[:min(len(data), binaryProbe)], 0) >= 0:
		t.hidden = "Binary files"
	}
	return t, err
}

// body is the diff proper.
func body(path string, old, new *text) string {
	a, b := quote("a/"+path), quote("b/"+path)
	if old == nil {
		a, old = "/dev/null", &text{}
	}
	if new == nil {
		b, new = "/dev/null", &text{}
	}
	for _, t := range []*text{old, new} {
		if t.hidden != "" {
			return fmt.Sprintf("%s %s and %s differ\n", t.hidden, a, b)
		}
	}
	out := diff.Diff(a, old.data, b, new.data)
	_, out, _ = bytes.Cut(out, []byte("\n")) // its own first line
	return string(out)
}
