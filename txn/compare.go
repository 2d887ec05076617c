package txn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// compared is what a comparison of a file with its new content has shown, and of which state of the file.
type compared struct {
	full  string // the path
	seen  uint64 // the sum of what it was then
	equal bool
	// attrs are the extended attributes of a file that is not equal, if listed.
	attrs  []fsys.Xattr
	listed bool
}

func (c *compared) path() string { return c.full }

// compareAll finds the writes whose content is in place already, reading as many files at once as there are jobs.
// What was compared without the lock is believed under it while the file's inode, size and times are the same.
func (s *scan) compareAll(ctx context.Context) error {
	var jobs []*want
	var bytes int64
	for _, w := range s.byPath.items {
		if w.kind != wantFile || w.info.Kind != fsys.File || w.vacated || w.source != nil && w.source.exact ||
			w.info.Size != w.content(s.tx.ops).size() {
			continue
		}
		if c := s.tx.compared.find(w.path()); c != nil && c.seen == sumOf(*w.info) {
			w.conclude(c.equal)
			continue
		}
		jobs, bytes = append(jobs, w), bytes+w.info.Size
	}
	if len(jobs) > 0 {
		s.tx.progress.begin(PhasePlan, len(jobs), bytes)
	}
	results := make([]compared, len(jobs))
	err := parallel(ctx, s.tx.store.jobs(), len(jobs), func(i int) (err error) {
		w := jobs[i]
		defer func() { s.tx.progress.done(1, w.info.Size) }()
		if results[i], err = w.content(s.tx.ops).compare(s.root, w.path()); err != nil {
			err = &Error{Op: w.op, Path: w.said(), Err: err}
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, w := range jobs {
		c := &results[i]
		c.full, c.seen = w.full, sumOf(*w.info)
		s.tx.compared.put(c)
		w.conclude(c.equal)
	}
	return nil
}

// attributes returns the extended attributes of the file that a want replaces.
func (s *scan) attributes(w *want) ([]fsys.Xattr, error) {
	if c := s.tx.compared.find(w.path()); c != nil && c.listed && c.seen == sumOf(*w.info) {
		return c.attrs, nil
	}
	return s.root.Xattrs(w.path())
}

// conclude turns a write whose content is in place into a change of mode or nothing.
func (w *want) conclude(equal bool) {
	if !equal {
		return
	}
	w.kind = wantSame
	if bits, ok := w.mode.Bits(); ok && bits != w.info.Mode {
		w.kind = wantMode
	}
}

// holds says whether a condition is true of what is at its place now.
func (c *check) holds(root *fsys.Dir) (why string, err error) {
	switch c.expect.State {
	case manifest.ExpectAbsent:
		if c.info.Exists() {
			return "expected to be absent, but it is " + c.info.Kind.String(), nil
		}
	case manifest.ExpectPresent:
		if !c.info.Exists() {
			return "expected to be present, but it is missing", nil
		}
	case manifest.ExpectSHA256:
		return c.holdsDigest(root)
	case manifest.ExpectNothing:
	}
	return "", nil
}

// holdsDigest compares the content of a file with the digest that is expected.
func (c *check) holdsDigest(root *fsys.Dir) (string, error) {
	if c.info.Kind != fsys.File {
		return "expected a file with a given content, but it is " + c.info.Kind.String(), nil
	}
	f, err := root.OpenBeneath(c.path())
	if err != nil {
		return "", pathError("open", c.said, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", pathError("read", c.said, err)
	}
	if got := h.Sum(nil); string(got) != string(c.expect.SHA256[:]) {
		return fmt.Sprintf("expected content with sha256 %x, but it has %x", c.expect.SHA256, got), nil
	}
	return "", nil
}
