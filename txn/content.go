package txn

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// content is where the bytes of a new file come from: memory, a source file, or a file that is staged already.
type content struct {
	text string // in memory
	// streamed is a file that Tx.Create has filled.
	streamed *stream
	*source  // nil where there is none
}

// source is a file that is not ours: a path of the operating system, or a path below an open folder.
type source struct {
	file string
	dir  *fsys.Dir
	rel  string
	said string    // the user's name of the source
	info fsys.Info // how it was seen
	// link says that the source may be linked instead of copied.
	link bool
	// exact says that it must be: the very file is to be put back, as it is.
	exact bool
}

// source returns the operating system path of the op's source.
func (o *op) source() string {
	return o.beside(o.Source)
}

// beside returns the operating system path of a file that the op names.
func (o *op) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(o.dir, name)
}

// content returns what a want brings.
func (w *want) content(ops []op) content {
	if w.source != nil {
		return content{source: w.source}
	}
	o := &ops[w.op]
	return content{text: o.Content(), streamed: o.content}
}

// size of the content in bytes.
func (c content) size() int64 {
	switch {
	case c.sourced():
		return c.info.Size
	case c.streamed != nil:
		return c.streamed.size
	}
	return int64(len(c.text))
}

// sourced says that the content is in a file that is not ours.
func (c content) sourced() bool { return c.source != nil }

// inMemory says that the content is in no file.
func (c content) inMemory() bool { return !c.sourced() && c.streamed == nil }

// open returns a reader of the content. For a source file it is an *os.File.
func (c content) open() (io.ReadCloser, error) {
	switch {
	case c.sourced():
		return c.openSource()
	case c.streamed != nil:
		return c.streamed.open()
	}
	return io.NopCloser(strings.NewReader(c.text)), nil
}

func (c content) openSource() (*os.File, error) {
	var f *os.File
	var err error
	if c.dir != nil {
		if f, err = c.dir.OpenBeneath(c.rel); err != nil {
			err = &fs.PathError{Op: "open", Path: c.said, Err: err}
		}
	} else {
		f, err = fsys.OpenFile(c.file)
	}
	if err != nil {
		return nil, err
	}
	if err := c.unchanged(fsys.StatFile(f)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openToCompare is open for a comparison, of which there are thousands in a tree. Whether the source is what was looked at is
// not asked: it holds what it holds when it is read.
func (c content) openToCompare() (io.ReadCloser, error) {
	if !c.sourced() || c.dir == nil {
		return c.open()
	}
	r, err := c.dir.ReadBeneath(c.rel)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: c.said, Err: err}
	}
	return reading{r, c.said}, nil
}

// reading is a Reader whose errors tell the user's name of what is read.
type reading struct {
	*fsys.Reader
	name string
}

func (r reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, recovery.PathErrno("read", r.name, err)
}

// errSourceChanged says that a source was written while it was read: what was staged may be half of two versions.
var errSourceChanged = errors.New("source changed while it was being read; try again when it is at rest")

// unchanged checks that an open source, which is i, is what was looked at.
func (c content) unchanged(i fsys.Info, err error) error {
	if err != nil {
		return &fs.PathError{Op: "stat", Path: c.said, Err: err}
	}
	if i.ID != c.info.ID || i.Size != c.info.Size || i.Mtime != c.info.Mtime {
		return errors.Wrapf(errSourceChanged, "%s", c.said)
	}
	return nil
}

// compare finds out whether the file at a path below root holds exactly this content, and if not, what attributes it
// has, since it is open.
func (c content) compare(ctx context.Context, root *fsys.Dir, path string) (compared, error) {
	f, err := root.ReadBeneath(path)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EIO) {
		return compared{}, &fs.PathError{Op: "read", Path: path, Err: err} // about us or the disk, not about the file
	}
	if err != nil {
		return compared{}, nil // what may not be read is not known to be equal
	}
	defer f.Close()
	r, err := c.openToCompare()
	if err != nil {
		return compared{}, err
	}
	defer r.Close()
	equal, err := sameBytes(ctx, reading{f, path}, r, c.size())
	if equal || err != nil {
		return compared{equal: equal}, err
	}
	attrs, err := f.Xattrs()
	return compared{listed: err == nil, attrs: attrs}, nil
}

// comparing holds the pairs of buffers of comparisons: there are thousands in a tree.
var comparing = sync.Pool{New: func() any { return new([2][32 << 10]byte) }}

// sameBytes says that a and b hold the same size bytes each, and no more. That they have this size was seen before, and may
// not be true any more.
func sameBytes(ctx context.Context, a, b io.Reader, size int64) (bool, error) {
	bufs := comparing.Get().(*[2][32 << 10]byte)
	defer comparing.Put(bufs)
	for left := size; ; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n := int(min(left+1, int64(len(bufs[0])))) // one more than there should be
		x, err := readUpTo(a, bufs[0][:n], left)
		y, err2 := readUpTo(b, bufs[1][:n], left)
		if err == nil {
			err = err2
		}
		if err != nil {
			return false, err
		}
		if !bytes.Equal(x, y) {
			return false, nil
		}
		if left -= int64(len(x)); left < 0 || len(x) < n {
			return left == 0, nil
		}
	}
}

// readUpTo fills p, but for a file that ends before. A read that stops where the end should be has met it: files give what
// they have, and to ask each of thousands once more takes its time.
func readUpTo(r io.Reader, p []byte, end int64) ([]byte, error) {
	n := 0
	for n < len(p) {
		k, err := r.Read(p[n:])
		if n += k; err == io.EOF || err == nil && int64(n) == end {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return p[:n], nil
}
