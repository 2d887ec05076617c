package txn

import (
	"context"
	"io/fs"

	"github.com/cockroachdb/errors"
	"github.com/fxamacker/cbor/v2"
	"github.com/zeebo/xxh3"

	"github.com/txcommit/txcommit/internal/fsys"
)

// openState returns the state folder, nil if there is none.
func (tx *Tx) openState() (*fsys.Dir, error) {
	tx.staging.Lock()
	defer tx.staging.Unlock()
	if tx.state != nil {
		return tx.state, nil
	}
	var err error
	tx.state, err = openState(tx.store.root)
	return tx.state, err
}

// openStage returns the transaction's stage folder, and makes it and the state folder if need be.
func (tx *Tx) openStage() (*stage, error) {
	tx.staging.Lock()
	defer tx.staging.Unlock()
	if tx.stage != nil {
		return tx.stage, nil
	}
	var err error
	for range 100 {
		// Another first transaction that fails takes the state folder away again: then it is made again.
		if tx.stage, err = tx.tryStage(); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return tx.stage, err
}

func (tx *Tx) tryStage() (*stage, error) {
	state, err := makeState(tx.store.root)
	if err != nil {
		return nil, err
	}
	s, err := newStage(state, tx.id.String())
	if err != nil {
		unmakeState(tx.store.root, state)
		_ = state.Close()
		return nil, err
	}
	closeDir(tx.state)
	tx.state = state
	return s, nil
}

// handOver leaves the stage folder to recovery: there is a record of it now.
func (s *stage) handOver() { s.handed = true }

// release lets everything go that the transaction holds, and takes away what it has staged in vain.
func (tx *Tx) release() error {
	var err error
	for _, s := range tx.streams {
		_ = s.abandon()
	}
	if tx.stage != nil {
		if !tx.stage.handed {
			err = tx.stage.discard()
		}
		tx.stage.close()
	}
	closeDir(tx.kept)
	if tx.state != nil {
		if tx.stage != nil {
			unmakeState(tx.store.root, tx.state)
		}
		_ = tx.state.Close()
	}
	for i := range tx.ops {
		if l := tx.ops[i].listing; l != nil {
			_ = l.dir.Close()
		}
	}
	return err
}

// abandon closes a stream that nobody will read.
func (s *stream) abandon() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.buf = true, nil
	if s.temp != nil {
		s.f = s.temp
	}
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}

// digest tells the ops apart from others given with the same id. It is over what was asked for, not over what sources
// hold: a repeated request may find them consumed.
func (tx *Tx) digest() ([]byte, error) {
	h := xxh3.New()
	enc := cbor.NewEncoder(h)
	for i := range tx.ops {
		o := tx.ops[i].whole()
		if tx.ops[i].scratch {
			o.Source = "" // another one each time
		}
		if err := enc.Encode(o); err != nil {
			return nil, errors.Wrap(err, "digest of the ops")
		}
		if err := enc.Encode(tx.ops[i].perm); err != nil {
			return nil, errors.Wrap(err, "digest of the ops")
		}
		if s := tx.ops[i].content; s != nil {
			if err := s.digest(h); err != nil {
				return nil, err
			}
		}
	}
	sum := h.Sum128().Bytes()
	return sum[:], nil
}

func (s *stream) digest(h *xxh3.Hasher) error {
	r, err := s.open()
	if err != nil {
		return &Error{Path: s.said, Err: pathError("read", s.said, err)}
	}
	defer r.Close()
	_, err = copyTo(h, r)
	return err
}

// planOnly is Plan under the transaction's lock.
func (tx *Tx) planOnly(ctx context.Context) (*Plan, error) {
	id, done, err := tx.committedBefore(ctx)
	if err != nil {
		return nil, err
	}
	if done {
		return &Plan{ID: id, Repeated: true}, nil
	}
	sc, err := newScan(ctx, tx, tx.store.root)
	if err != nil {
		return nil, err
	}
	defer sc.close()
	if err := errors.Join(sc.checkAll(), sc.checkContents(true)); err != nil {
		return nil, err
	}
	steps, err := sc.steps()
	if err != nil {
		return nil, err
	}
	p := sc.plan()
	p.effective = len(steps) > 0
	return p, nil
}
