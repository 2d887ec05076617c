package txn

import (
	"context"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// Store is a directory tree whose files are changed by transactions. It serves many goroutines; transactions of one
// process and of many are serialised by a lock that is held only while they commit, not while they are put together.
type Store struct {
	opts  Options
	path  string
	root  *fsys.Dir
	files *os.Root // the same folder, for the readers of View and Tx.FS

	waiting   []*commit     // those in the queue that another one may commit too; under mu
	queue     chan struct{} // commits of this process, one at a time: goroutines need not poll for the lock
	exchanges sync.Map      // device → whether names can be exchanged there

	mu        sync.Mutex
	closed    bool
	users     int // the Store itself until Close, open transactions, running commits and views
	open      map[*Tx]bool
	recovered []Recovery
	swept     int            // by Open, until GC tells it
	left      []Left         // by Open, for GC where there is no store
	viewers   map[string]int // open views by goroutine
	emptied   chan struct{}  // closed when trash/ was emptied after the last commit; nil before the first
	cleanup   error          // of emptying it
}

// Open opens the store of a root, an existing directory. If a crash has left a transaction unfinished, Open ends it
// first; see Recovered. It creates nothing: the state folder appears with the first commit.
func Open(ctx context.Context, root string, opts *Options) (*Store, error) {
	s := &Store{path: root, users: 1, queue: make(chan struct{}, 1), open: map[*Tx]bool{}, viewers: map[string]int{}}
	if opts != nil {
		s.opts = *opts
	}
	d, err := fsys.OpenDir(root)
	if err != nil {
		return nil, recovery.PathErrno("open", root, err)
	}
	s.root = d
	if s.files, err = fsys.OpenRoot(root); err != nil {
		_ = d.Close()
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.files.Close(), d.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := checkVolume(s.root, s.path, &s.opts); err != nil {
		return err
	}
	if s.opts.ReadOnly {
		return s.refusePending(ctx)
	}
	rep, err := s.recover(ctx)
	s.recovered, s.swept, s.left = rep.Recovered, rep.Swept, rep.Left
	return err
}

// checkVolume refuses a folder, said so, on a file system that does not keep its promises.
func checkVolume(d *fsys.Dir, said string, o *Options) error {
	v, err := d.Volume()
	if err != nil {
		return recovery.PathErrno("statfs", said, err)
	}
	if v.Unusable != "" {
		return errors.Wrapf(ErrUnsupported, "%s is on %s, where nothing can be committed: %s", said, v.Name, v.Unusable)
	}
	if v.Unsafe != "" && !o.AllowUnsafeFS {
		return errors.Wrapf(ErrUnsupported, "%s is on %s, where the guarantee does not hold: %s", said, v.Name, v.Unsafe)
	}
	return nil
}

// refusePending is what a reader does about an unfinished transaction.
func (s *Store) refusePending(ctx context.Context) error {
	st, err := Status(ctx, s.path, &s.opts)
	if err != nil {
		return err
	}
	if len(st.Pending) > 0 {
		return errPending(st.Pending[0].ID)
	}
	return nil
}

func errPending(id string) error {
	return recovery.Incomplete(errors.Newf("transaction %s has to be recovered first", id))
}

func errReadOnly() error { return errors.Wrap(fs.ErrPermission, "the store was opened read-only") }

// recover ends what a crash has left, if there is a store.
func (s *Store) recover(ctx context.Context) (recovery.Report, error) {
	w := newWaiter(s.opts.lockTimeout())
	unmade, err := s.sweepUnmade(ctx, w)
	if err != nil {
		return unmade, err
	}
	var rep recovery.Report
	err = s.locked(ctx, w, func(ses *session) (err error) {
		rep, err = ses.recover(ctx)
		return err
	})
	rep.Swept, rep.Left = rep.Swept+unmade.Swept, append(unmade.Left, rep.Left...)
	if err != nil && (len(rep.Recovered) > 0 || len(rep.Displaced) > 0) {
		err = &RecoveryError{Report{Recovered: rep.Recovered, Swept: rep.Swept, Displaced: rep.Displaced, Left: rep.Left}, err}
	}
	return rep, err
}

// locked runs f in a session of an existing store; without one it does nothing.
func (s *Store) locked(ctx context.Context, w *waiter, f func(*session) error) error {
	state, err := openState(s.root)
	if err != nil || state == nil {
		return err
	}
	defer state.Close()
	if _, ok, err := isStore(state); err != nil || !ok {
		return err
	}
	if err := s.enter(ctx, w); err != nil {
		return err
	}
	defer s.leave()
	ses, err := openSession(ctx, s.root, state, w, false)
	if err != nil {
		return err
	}
	defer ses.close()
	return f(ses)
}

// enter waits for this process's other commits.
func (s *Store) enter(ctx context.Context, w *waiter) error {
	_, err := s.enterUnless(ctx, w, nil)
	return err
}

// enterUnless is enter, but ends without an error and without having entered when the channel is closed.
func (s *Store) enterUnless(ctx context.Context, w *waiter, told <-chan struct{}) (entered bool, err error) {
	select {
	case s.queue <- struct{}{}:
		return true, nil
	default:
	}
	defer w.waited(time.Now())
	t := time.NewTimer(w.left)
	defer t.Stop()
	select {
	case s.queue <- struct{}{}:
		return true, nil
	case <-told:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-t.C:
		return false, &busyError{"busy: other commits of this process are in front"}
	}
}

func (s *Store) leave() { <-s.queue }

// Recovered lists the transactions that Open found unfinished, and what became of them.
func (s *Store) Recovered() []Recovery { return s.recovered }

// Close rolls back the transactions that are still open and releases the store. It waits until what finished commits
// have swapped out is deleted, and returns the error of that; the changes are in place even so, and the next commit
// cleans up. It waits for nothing else: a commit or a view that is running ends as it would have, and what it needs is
// released then.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	var errs []error
	for tx := range open {
		if err := tx.Rollback(); err != nil && !errors.Is(err, ErrTxDone) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.trashEmptied(), s.drop())
	return errors.Join(errs...)
}

// hold keeps the handles of the store open, also when it is closed meanwhile, until drop. The caller has s.mu.
func (s *Store) hold() error {
	if s.closed {
		return ErrClosed
	}
	s.users++
	return nil
}

// drop lets go of the handles. The last user closes them: a number that is closed under a running commit could be that
// of another folder by the next call.
func (s *Store) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	return errors.Join(s.files.Close(), s.root.Close())
}

// Begin starts a transaction. Commit or Rollback must follow.
func (s *Store) Begin(ctx context.Context) (*Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	tx := &Tx{store: s, id: id, byPath: map[string]int{}}
	tx.progress.tell = s.opts.Progress
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.hold(); err != nil {
		return nil, err
	}
	s.open[tx] = true
	return tx, nil
}

func (s *Store) forget(tx *Tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, tx)
}

// Update runs fn in a transaction: it commits if fn returns nil, and rolls back if fn returns an error or panics. No
// lock is held while fn runs. Called inside View it is ErrBusy at once.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if s.viewing() {
		return errViewing()
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // a no-op after Commit
	if err := fn(tx); err != nil {
		return err
	}
	res, err := tx.Commit(ctx)
	if err != nil {
		return err
	}
	return res.Cleanup
}

func (s *Store) jobs() int {
	if s.opts.Jobs > 0 {
		return s.opts.Jobs
	}
	return 2 * runtime.GOMAXPROCS(0)
}
