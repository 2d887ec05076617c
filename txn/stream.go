package txn

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// streamMemory is how much of a stream is kept in memory before it goes to the stage folder.
const streamMemory = 64 << 10

// Create returns a writer for the new content of path, which Close ends; see WriteFile for perm. Content of any size
// takes little memory. io.Copy from a file is done by the kernel, on btrfs and XFS by sharing the blocks. The streams of a
// transaction may be written by many goroutines at once.
func (tx *Tx) Create(path string, perm fs.FileMode, conds ...Cond) (io.WriteCloser, error) {
	s := &stream{tx: tx, said: path}
	err := tx.add(given{
		Op:      manifest.Op{Kind: manifest.Write, Path: path},
		perm:    fsys.Bits(perm),
		content: s,
	}, conds)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// stream is the content of one Create.
type stream struct {
	tx   *Tx
	said string
	n    int

	mu     sync.Mutex
	buf    []byte
	f      *os.File
	at     string   // in the stage folder; "" while in memory
	temp   *os.File // without a name, where nothing may be made in the root
	size   int64
	closed bool
	failed error // a stream that has failed once cannot be committed
}

// number tells the stream of an op, if it has one, from the others.
func (tx *Tx) number(s *stream) {
	if s != nil {
		s.n = len(tx.streams)
		tx.streams = append(tx.streams, s)
	}
}

// Write adds to the content. Its error is final.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	n, err := s.write(p)
	s.size += int64(n)
	if err != nil {
		s.failed = &Error{Path: s.said, Err: pathError("stage", s.said, bareErrno(err))}
		return n, s.failed
	}
	return n, nil
}

func (s *stream) usable() error {
	if s.closed {
		return &fs.PathError{Op: "write", Path: s.said, Err: fs.ErrClosed}
	}
	return s.failed
}

func (s *stream) write(p []byte) (int, error) {
	if s.f == nil && len(s.buf)+len(p) <= streamMemory {
		s.buf = append(s.buf, p...)
		return len(p), nil
	}
	if s.f == nil {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	return s.f.Write(p)
}

// spill moves the stream from memory to the stage folder.
func (s *stream) spill() (err error) {
	if s.tx.store.opts.ReadOnly {
		if s.temp, err = tempFile(); err != nil {
			return err
		}
		s.f = s.temp
		_, err = s.f.Write(s.buf)
		s.buf = nil
		return err
	}
	st, err := s.tx.openStage()
	if err != nil {
		return err
	}
	at := "stream-" + strconv.Itoa(s.n)
	if s.f, err = st.dir.Create(at, 0o600); err != nil {
		return err
	}
	s.at = at
	_, err = s.f.Write(s.buf)
	s.buf = nil
	return err
}

// tempFile makes a file that nobody else can find, and that goes with its handle.
func tempFile() (*os.File, error) {
	f, err := os.CreateTemp("", "txcommit-") //nolint:forbidigo // not in the tree
	if err == nil {
		_ = os.Remove(f.Name()) //nolint:forbidigo // not in the tree
	}
	return f, err
}

// Close ends the content.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &fs.PathError{Op: "close", Path: s.said, Err: fs.ErrClosed}
	}
	s.closed = true
	if s.f == nil || s.temp != nil {
		s.f = nil
		return s.failed
	}
	err := s.f.Close()
	s.f = nil
	if err != nil && s.failed == nil {
		s.failed = &Error{Path: s.said, Err: pathError("stage", s.said, bareErrno(err))}
	}
	return s.failed
}

// ready says why the stream cannot be committed.
func (s *stream) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if !s.closed {
		return invalidf("%s: its writer was not closed", s.said)
	}
	return nil
}

func (s *stream) open() (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.temp != nil {
		return io.NopCloser(io.NewSectionReader(s.temp, 0, s.size)), nil
	}
	if s.at == "" {
		return io.NopCloser(bytes.NewReader(s.buf)), nil
	}
	return s.tx.stage.dir.Open(s.at)
}

// drop deletes the content of a stream that is closed.
func (s *stream) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = nil
	if s.at == "" {
		return nil // a file without a name goes with the transaction
	}
	at := s.at
	s.at = ""
	return stageError("delete", s.tx.stage.dir.Unlink(at))
}

// moveTo renames the stream's file to its place in the stage folder, with the mode of a file made there.
func (s *stream) moveTo(st *stage, at string) (*os.File, error) {
	probe, err := st.dir.Create(at, s.tx.permOf(s)&0o777)
	if err != nil {
		return nil, err
	}
	i, err := fsys.StatFile(probe)
	_ = probe.Close()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := st.dir.Rename(s.at, st.dir, at); err != nil {
		return nil, err
	}
	s.at = at
	f, err := st.dir.Open(at)
	if err == nil {
		err = fsys.ChmodFile(f, i.Mode)
	}
	return f, err
}

func (tx *Tx) permOf(s *stream) uint32 {
	for i := range tx.ops {
		if tx.ops[i].content == s {
			return tx.ops[i].perm
		}
	}
	return 0o666
}

// bareErrno takes the errno out of an error that names a staged file: the user's path is put to it.
func bareErrno(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
