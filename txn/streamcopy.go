package txn

import (
	"io"
	"io/fs"
	"math"
	"syscall"
)

// ReadFrom is for io.Copy: what it copies from a file the kernel copies without this process, and where the file system can
// (btrfs, XFS) by sharing the blocks. Its error is final, too.
func (s *stream) ReadFrom(r io.Reader) (n int64, err error) {
	src := largeFile(r)
	if src == nil {
		return io.Copy(struct{ io.Writer }{s}, r)
	}
	for {
		part := io.LimitedReader{R: src.R, N: min(src.N, streamPart)}
		done, err := s.readPart(&part)
		n += done
		src.N -= done
		if done == 0 || err != nil {
			return n, err
		}
	}
}

// streamPart is how much of a file is copied at a time: so long others have to wait who ask for the state of the stream.
const streamPart = 64 << 20

func (s *stream) readPart(r *io.LimitedReader) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	before := s.size
	err := s.readFrom(r)
	if err != nil {
		s.failed = &Error{Path: s.said, Err: pathError("stage", s.said, err)}
		err = s.failed
	}
	return s.size - before, err
}

func (s *stream) readFrom(r *io.LimitedReader) error {
	if s.f == nil {
		if err := s.spill(); err != nil {
			return bareErrno(err)
		}
	}
	_, err := s.f.ReadFrom(r)
	at, serr := s.f.Seek(0, io.SeekCurrent) // ReadFrom may not know how far it came, see checkSize
	switch {
	case serr == nil:
		s.size = at
	case err == nil:
		err = serr
	}
	return withoutName(s.f, err)
}

// largeFile returns a reader, or what it is a part of, and how much may be read of it, if that is a regular file of the kernel
// that does not fit into the memory of a stream. It asks for no *os.File: what io.Copy gives of one is not.
func largeFile(r io.Reader) *io.LimitedReader {
	part, ok := r.(*io.LimitedReader)
	if !ok {
		part = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	f, ok := part.R.(interface {
		Stat() (fs.FileInfo, error)
		SyscallConn() (syscall.RawConn, error)
	})
	if !ok || part.N <= streamMemory {
		return nil
	}
	if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() || i.Size() <= streamMemory {
		return nil
	}
	return part
}
