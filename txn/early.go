package txn

import (
	"context"
	"sync"

	"github.com/txcommit/txcommit/internal/fsys"
)

// comparison is that of one file with its new content.
type comparison struct {
	w      *want
	result compared
	err    error
}

// compare does one comparison.
func (s *scan) compare(ctx context.Context, c *comparison) error {
	c.result, c.err = c.w.content(s.tx.ops).compare(ctx, s.root, c.w.full)
	if c.err != nil && ctx.Err() == nil {
		c.err = &Error{Op: c.w.op, Path: c.w.said(), Err: c.err}
	}
	return c.err
}

// comparable says that w has a content that may be in place already.
func (s *scan) comparable(w *want) bool {
	return w.kind == wantFile && w.info.Kind == fsys.File && !w.vacated && (w.source == nil || !w.source.exact) &&
		w.info.Size == w.content(s.tx.ops).size()
}

// early compares files while the scan still looks for more: processors that would have nothing to do do that. What it finds
// counts for compareAll only.
type early struct {
	ctx    context.Context
	cancel context.CancelFunc
	seen   int
	jobs   chan []*comparison // nil while none was begun
	next   []*comparison      // for jobs
	begun  map[*want]*comparison
	g      sync.WaitGroup
}

const (
	earlyFrom = 32      // up to so many are not worth the goroutines
	earlyJob  = 16      // so many at a time: to wake a goroutine takes as long as a comparison
	earlyMost = 1 << 16 // more are not remembered before it is their turn
)

func newEarly(ctx context.Context) *early {
	e := &early{begun: map[*want]*comparison{}}
	e.ctx, e.cancel = context.WithCancel(ctx)
	return e
}

// compareEarly begins to compare what w wants with what is there, if there is much to compare.
func (s *scan) compareEarly(w *want) {
	e := s.early
	if e.seen >= earlyMost || !s.comparable(w) || s.tx.compared.find(w.full) != nil {
		return
	}
	if e.seen++; e.seen <= earlyFrom {
		return
	}
	if e.jobs == nil {
		e.jobs = make(chan []*comparison, 64)
		for range s.tx.store.jobs() {
			e.g.Go(func() { s.compareWaiting() })
		}
	}
	c := &comparison{w: w}
	e.begun[w] = c
	if e.next = append(e.next, c); len(e.next) >= earlyJob {
		e.jobs <- e.next
		e.next = nil
	}
}

func (s *scan) compareWaiting() {
	for job := range s.early.jobs {
		for _, c := range job {
			_ = s.compare(s.early.ctx, c) // it is kept in c
		}
	}
}

// end waits for what was begun, and returns it.
func (e *early) end() map[*want]*comparison {
	if e.jobs != nil {
		e.jobs <- e.next
		close(e.jobs)
		e.g.Wait()
		e.jobs = nil
	}
	e.seen = earlyMost // no more from now on
	return e.begun
}

// stop ends what was begun and not yet waited for.
func (e *early) stop() {
	e.cancel()
	e.end()
	e.begun = nil
}
