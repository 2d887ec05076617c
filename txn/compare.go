package txn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"syscall"

	"github.com/cockroachdb/errors"

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
	begun := s.early.end()
	var all, rest []*comparison
	var bytes, restBytes int64
	for _, w := range s.byPath.items {
		if !s.comparable(w) {
			continue
		}
		if c := s.tx.compared.find(w.path()); c != nil && c.seen == sumOf(*w.info) {
			w.conclude(c.equal)
			continue
		}
		c := begun[w]
		if c == nil || errors.Is(c.err, syscall.EMFILE) || errors.Is(c.err, syscall.ENFILE) { // others may have closed some by now
			c = &comparison{w: w}
			rest, restBytes = append(rest, c), restBytes+w.info.Size
		}
		all, bytes = append(all, c), bytes+w.info.Size
	}
	if len(all) > 0 {
		s.tx.progress.begin(PhasePlan, len(all), bytes)
		s.tx.progress.done(len(all)-len(rest), bytes-restBytes)
	}
	err := parallel(ctx, s.tx.store.jobs(), len(rest), func(i int) error {
		defer func() { s.tx.progress.done(1, rest[i].w.info.Size) }()
		return s.compare(ctx, rest[i])
	})
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.err != nil {
			return c.err
		}
		c.result.full, c.result.seen = c.w.full, sumOf(*c.w.info)
		s.tx.compared.put(&c.result)
		c.w.conclude(c.result.equal)
		c.w = nil // the result stays until the transaction ends, and with it all that it leads to
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
