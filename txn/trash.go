package txn

import (
	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// emptyTrash deletes what a commit has swapped out, and closes the handle of trash/. To free the inodes takes as long as
// all the exchanges, and nobody needs to wait for it: it goes on after the commit has returned, until the next commit or
// Close waits for it. After Close nobody would, and it is done at once.
func (s *Store) emptyTrash(trash *fsys.Dir) {
	done := make(chan struct{})
	s.mu.Lock()
	before, closed := s.emptied, s.closed
	s.emptied = done
	s.mu.Unlock()
	empty := func() {
		defer close(done)
		if before != nil {
			<-before
		}
		err := (&recovery.Env{Trash: trash}).EmptyTrash()
		err = errors.Join(err, trash.Close())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cleanup = err
	}
	if closed {
		empty()
		return
	}
	go empty()
}

// trashEmptied waits until what earlier commits have swapped out is deleted, and returns the error of the last time.
func (s *Store) trashEmptied() error {
	s.mu.Lock()
	emptied := s.emptied
	s.mu.Unlock()
	if emptied == nil {
		return nil
	}
	<-emptied
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cleanup
}
