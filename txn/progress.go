package txn

import (
	"io"
	"os"
	"sync"
)

// The phases of a commit, in their order. A commit looks at the tree twice, the second time under the lock.
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

// copy is io.Copy, piece by piece where somebody wants to know.
func (p *progress) copy(f *os.File, src io.Reader) error {
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
