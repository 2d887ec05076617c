package txn

import (
	"bytes"
	"context"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// View runs fn while no transaction can become half visible: fn sees all of a transaction or none, also when a writer
// died half-way (then View recovers first). Any number of views run at once; a commit waits for them before its commit
// point, at most for its lock timeout. fsys shows the tree without the state folder, and must not be used after fn.
//
// A View inside fn, on its goroutine, shares the outer one. Waiting in fn for another goroutine's View or commit of the
// store is a deadlock, which their lock timeout ends.
func (s *Store) View(ctx context.Context, fn func(fsys fs.FS) error) error {
	leave, nested, err := s.enterView()
	if err != nil {
		return err
	}
	defer leave()
	if !nested {
		release, err := s.takeView(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	return fn(treeFS{s.files.FS()})
}

// enterView notes that the calling goroutine has a view, and says whether it had one already: taking the lock again
// would wait behind a commit that waits for the first one.
func (s *Store) enterView() (leave func(), nested bool, err error) {
	me := goroutine()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.hold(); err != nil {
		return nil, false, err
	}
	nested = s.viewers[me] > 0
	s.viewers[me]++
	return func() {
		s.mu.Lock()
		if s.viewers[me]--; s.viewers[me] == 0 {
			delete(s.viewers, me)
		}
		s.mu.Unlock()
		_ = s.drop()
	}, nested, nil
}

// viewing says whether the calling goroutine has a view, for which a commit of its own would wait in vain.
func (s *Store) viewing() bool {
	me := goroutine()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewers[me] > 0
}

func errViewing() error {
	return &busyError{"busy: a commit inside View would wait for that view to end"}
}

// takeView takes the view lock on a tree that shows no half of a transaction.
func (s *Store) takeView(ctx context.Context) (release func(), err error) {
	w := newWaiter(s.opts.lockTimeout())
	for {
		state, err := openState(s.root)
		if err != nil {
			return nil, err
		}
		store := false
		if state != nil {
			_, store, err = isStore(state)
		}
		if err == nil {
			var again bool
			if store {
				release, err = s.viewStore(ctx, state, w)
			} else {
				release, again, err = s.viewRoot(ctx, w)
			}
			if again {
				closeDir(state)
				continue
			}
		}
		closeDir(state)
		return release, err
	}
}

func closeDir(d *fsys.Dir) {
	if d != nil {
		_ = d.Close()
	}
}

// viewRoot takes the lock of readers where there is no store: the first commit takes it exclusively. again says that a
// store has come meanwhile.
func (s *Store) viewRoot(ctx context.Context, w *waiter) (release func(), again bool, err error) {
	d, err := s.root.Sub(".")
	if err != nil {
		return nil, false, recovery.PathErrno("open", s.path, err)
	}
	if err := w.lock(ctx, d.Handle(), false, viewBusy, anybody); err != nil {
		_ = d.Close()
		return nil, false, recovery.PathErrno("lock", s.path, err)
	}
	i, err := s.root.Stat(statePath(formatFile))
	if err != nil && !errors.Is(err, syscall.ENOTDIR) || i.Exists() {
		_ = d.Close()
		return nil, err == nil, recovery.PathErrno("stat", statePath(formatFile), err)
	}
	return func() { _ = d.Close() }, false, nil
}

func (s *Store) viewStore(ctx context.Context, state *fsys.Dir, w *waiter) (release func(), err error) {
	g, err := openGate(state)
	if err == nil {
		if err = g.take(ctx, state, w, false); err != nil {
			g.close()
		}
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return func() {}, s.refusePending(ctx)
	}
	if err != nil {
		return nil, err
	}
	if recovery.Clean(state, g.view) {
		return g.close, nil
	}
	g.close()
	return s.recoverAndView(ctx, state, w)
}

// recoverAndView ends what a dead writer has left half-way, and takes the view before anybody can write again: the
// store's lock is held until the view is.
func (s *Store) recoverAndView(ctx context.Context, state *fsys.Dir, w *waiter) (release func(), err error) {
	if err := s.enter(ctx, w); err != nil {
		return nil, err
	}
	defer s.leave()
	ses, err := openSession(ctx, s.root, state, w, false)
	if err != nil {
		return nil, err
	}
	defer ses.close()
	if _, err := ses.recover(ctx); err != nil {
		return nil, err
	}
	if !ses.readOnly {
		if err := ses.env.MarkClean(); err != nil {
			return nil, recovery.PathErrno("write", statePath(viewFile), err)
		}
	}
	ses.gate.close()
	g, err := openGate(state)
	if err != nil {
		return nil, err
	}
	if err := w.lock(ctx, g.view, false, viewBusy, lastTaken(state)); err != nil {
		g.close()
		return nil, err
	}
	return g.close, nil
}

// goroutine names the calling goroutine. Package runtime does not tell by any other way; it is used for one thing: to
// answer a commit inside View with an error instead of a deadlock.
func goroutine() string {
	var b [64]byte
	head := b[:runtime.Stack(b[:], false)]
	name, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("goroutine ")), []byte(" "))
	return string(name)
}

// treeFS is the tree without the state folder.
type treeFS struct{ fs.FS }

func hidden(name string) bool {
	if strings.Contains(name, journal.StateFolder+"-") && slices.ContainsFunc(strings.Split(name, "/"), journal.IsOuter) {
		return true
	}
	return name == journal.StateFolder || len(name) > len(journal.StateFolder) && name[:len(journal.StateFolder)+1] == journal.StateFolder+"/"
}

func (t treeFS) check(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if hidden(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

// Open opens a file or folder, following links inside the root.
func (t treeFS) Open(name string) (fs.File, error) {
	if err := t.check("open", name); err != nil {
		return nil, err
	}
	f, err := t.FS.Open(name)
	if err != nil || name != "." {
		return f, err
	}
	return rootFile{f.(fs.ReadDirFile)}, nil
}

// ReadDir lists a folder.
func (t treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := t.check("readdir", name); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(t.FS, name)
	return withoutState(entries, name == "."), err
}

// Stat describes a file, following links inside the root.
func (t treeFS) Stat(name string) (fs.FileInfo, error) {
	if err := t.check("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(t.FS, name)
}

// Lstat describes a file or a link itself.
func (t treeFS) Lstat(name string) (fs.FileInfo, error) {
	if err := t.check("lstat", name); err != nil {
		return nil, err
	}
	return fs.Lstat(t.FS, name)
}

// ReadLink returns where a link leads.
func (t treeFS) ReadLink(name string) (string, error) {
	if err := t.check("readlink", name); err != nil {
		return "", err
	}
	return fs.ReadLink(t.FS, name)
}

func withoutState(entries []fs.DirEntry, root bool) []fs.DirEntry {
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return root && e.Name() == journal.StateFolder || journal.IsOuter(e.Name())
	})
}

// rootFile is the root folder without the state folder.
type rootFile struct{ fs.ReadDirFile }

// ReadDir lists the next n entries, as fs.ReadDirFile says.
func (f rootFile) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := f.ReadDirFile.ReadDir(n)
		none := len(entries) == 0
		out := withoutState(entries, true)
		if len(out) > 0 || none || n <= 0 || err != nil {
			return out, err
		}
	}
}
