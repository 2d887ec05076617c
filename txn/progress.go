package txn

import (
	"io"
	"os"
	"sync"

	"github.com/txcommit/txcommit/internal/fsys"
)

// The phases of a commit, in their order. A commit may look at the tree twice, the second time under the lock.
const (
	PhasePlan   = "plan"   // looking at the tree, and comparing what is there with what is to be
	PhaseStage  = "stage"  // copying new content
	PhaseSync   = "sync"   // waiting until it is durable
	PhaseCommit = "commit" // putting it in place
)

// Progress tells how far a commit, or a plan, has come.
type Progress struct {
	// Phase is one of PhasePlan, PhaseStage, PhaseSync and PhaseCommit.
	Phase string
	// Files and Bytes are what is done of OfFiles and OfBytes, which are 0 where they are not known.
	Files, OfFiles int
	Bytes, OfBytes int64
}

// progress tells the Progress function of the options. The zero value, without one, does nothing.
type progress struct {
	tell func(Progress)

	mu  sync.Mutex
	now Progress
}

// begin enters a phase.
func (p *progress) begin(phase string, files int, bytes int64) {
	if p.tell != nil {
		p.change(func() { p.now = Progress{Phase: phase, OfFiles: files, OfBytes: bytes} })
	}
}

// done adds to what is done in the phase.
func (p *progress) done(files int, bytes int64) {
	if p.tell != nil {
		p.change(func() { p.now.Files, p.now.Bytes = p.now.Files+files, p.now.Bytes+bytes })
	}
}

func (p *progress) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.tell(p.now)
}

// copyPiece is how much of a file is copied between two looks at how far it is.
const copyPiece = 32 << 20

// copy is io.Copy of a file, or of what has no holes, piece by piece where somebody wants to know. size is that of src as
// it was seen.
func (p *progress) copy(f *os.File, src io.Reader, size int64) error {
	if file, ok := src.(*os.File); ok && size >= sparseSize {
		if done, err := p.copySparse(f, file, size); done || err != nil {
			return err
		}
	}
	if p.tell == nil {
		_, err := io.Copy(f, src)
		return err
	}
	for {
		n, err := io.CopyN(f, src, copyPiece)
		p.done(0, n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sparseSize is from which size on a file is looked at for holes.
const sparseSize = 64 << 10

// copySparse copies a file that has holes, and leaves them out. Without holes, or where nobody tells of them, nothing is
// done.
func (p *progress) copySparse(f, src *os.File, size int64) (done bool, err error) {
	for at := int64(0); at < size; {
		from, to, err := fsys.NextData(src, at)
		if at == 0 && (err == fsys.ErrUnsupported || err == nil && from == 0 && to >= size) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if from == to {
			break // but for a hole
		}
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			return false, err
		}
		n, err := io.CopyN(f, src, to-from)
		p.done(0, from-at+n)
		if err == io.EOF {
			err = errSourceChanged
		}
		if err != nil {
			return false, err
		}
		at = to
	}
	return true, f.Truncate(size)
}
