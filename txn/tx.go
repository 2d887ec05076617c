package txn

import (
	"crypto/sha256"
	"io/fs"
	"slices"
	"sync"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn/manifest"
)

// Cond is a condition on the present state of an op's path. It is checked again at commit; a failed one is ErrConflict.
type Cond struct{ expect manifest.Expect }

// IfSHA256 asks that the path is a file with this content digest (crypto/sha256.Sum256).
func IfSHA256(sum [sha256.Size]byte) Cond {
	return Cond{manifest.Expect{State: manifest.ExpectSHA256, SHA256: sum}}
}

// IfAbsent asks that nothing is at the path.
func IfAbsent() Cond { return Cond{manifest.Expect{State: manifest.ExpectAbsent}} }

// IfPresent asks that something is at the path.
func IfPresent() Cond { return Cond{manifest.Expect{State: manifest.ExpectPresent}} }

// TreeOptions are the settings of SyncTree.
type TreeOptions struct {
	// Prune removes what the source does not have.
	Prune bool
	// Exclude are doublestar globs relative to the source; what they match is neither copied nor pruned.
	Exclude []string
	// Move consumes the source after the commit instead of copying it, and stages links to it where that can be. A
	// process that dies between the two leaves in the source what it had not removed yet, as second names of the files
	// in the tree: do not edit it there; the same commit again removes it.
	Move bool
	// Times keeps the source's modification times.
	Times bool
	// Quick takes a file for unchanged where size and modification time are those of the source, and does not read it, as
	// rsync does. It implies Times. A source that was written without a new modification time is missed; so with Move,
	// which would remove the only copy of that, all files are read.
	Quick bool
}

// Tx is a set of ops on the tree as it is before the transaction. Nothing is visible before Commit. A Tx may be used
// from many goroutines; Commit and Rollback end it.
type Tx struct {
	store *Store
	id    uuid.UUID

	mu      sync.Mutex
	done    bool
	ops     []op
	shared  shared
	byPath  map[string]int // the op that ends on a path, as the user says it
	key     string
	message string
	streams []*stream
	schemas schemas

	progress    progress
	undoes      string // the kept transaction that this one takes back, and its key
	undone      *journal.Undone
	keepHistory bool      // see UndoOptions
	kept        *fsys.Dir // the folder of that transaction

	// compared are the files whose content was compared with what the transaction wants there.
	compared byPath[*compared]

	staging sync.Mutex
	state   *fsys.Dir // the state folder, once it was needed
	stage   *stage    // made when the first stream outgrows memory, or by Commit
}

// WriteFile makes path a file with this content. A new file gets perm as os.WriteFile would give it (before the
// umask); a file that is replaced keeps its mode, owner, ACL and extended attributes. data is copied.
func (tx *Tx) WriteFile(path string, data []byte, perm fs.FileMode, conds ...Cond) error {
	if data == nil {
		data = []byte{} // nil would be no content at all
	}
	return tx.add(given{
		Op:   manifest.Op{Kind: manifest.Write, Path: path, Content: data},
		perm: fsys.Bits(perm),
	}, conds)
}

// Remove removes a file, a link or an empty folder. That nothing is there is an error at commit.
func (tx *Tx) Remove(path string, conds ...Cond) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Remove, Path: path}}, conds)
}

// RemoveAll removes whatever is at path; that nothing is there is no error.
func (tx *Tx) RemoveAll(path string, conds ...Cond) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Remove, Path: path, Recursive: true, MissingOK: true}}, conds)
}

// Rename renames a file, link or folder. Both names mean the tree before the transaction, so two renames can swap
// files. What is at the new name must be renamed or removed by the same transaction, or be a file, which is replaced.
// The conditions are on the old name.
func (tx *Tx) Rename(from, to string, conds ...Cond) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Rename, From: from, To: to, Replace: true}}, conds)
}

// Mkdir makes a folder with perm before the umask; one that exists is left as it is. Missing parents are made.
func (tx *Tx) Mkdir(path string, perm fs.FileMode) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Mkdir, Path: path}, perm: fsys.Bits(perm)}, nil)
}

// Symlink makes path a symbolic link to target; a file or link at path is replaced.
func (tx *Tx) Symlink(target, path string, conds ...Cond) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Symlink, Path: path, Target: target}}, conds)
}

// Chmod sets the mode of a file or folder, exactly: permission bits, setuid, setgid and sticky.
func (tx *Tx) Chmod(path string, mode fs.FileMode, conds ...Cond) error {
	return tx.add(given{Op: manifest.Op{Kind: manifest.Chmod, Path: path, Mode: manifest.ModeOf(fsys.Bits(mode))}}, conds)
}

// SyncTree makes path equal to the folder source, an operating system path: files, modes, links, empty folders. What
// is equal already is not touched.
func (tx *Tx) SyncTree(path, source string, o TreeOptions) error {
	return tx.add(given{Op: manifest.Op{
		Kind: manifest.Tree, Path: path, Source: source,
		Prune: o.Prune, Exclude: slices.Clone(o.Exclude), Move: o.Move, Times: o.Times || o.Quick,
	}, quick: o.Quick && !o.Move}, nil)
}

// Apply adds the ops, the id and the message of a manifest. Its sources are relative to dir.
func (tx *Tx) Apply(m *manifest.Manifest, dir string) error {
	if m.ID != "" {
		if err := tx.SetID(m.ID); err != nil {
			return err
		}
	}
	if m.Message != "" {
		if err := tx.SetMessage(m.Message); err != nil {
			return err
		}
	}
	for i := range m.Ops {
		if err := tx.add(given{Op: m.Ops[i], dir: dir}, nil); err != nil {
			return err
		}
	}
	return nil
}

// ApplyOps adds ops, which are the transaction's then: ops is empty afterwards. After an error the ops before the one that
// it names have been added, and the transaction is good for Rollback alone.
func (tx *Tx) ApplyOps(ops *Ops) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTxDone
	}
	list := ops.list
	ops.list = nil
	tx.ops = slices.Grow(tx.ops, len(list)) // and no more: they may be many
	for i := range list {
		if err := tx.hold(list[i]); err != nil {
			return err
		}
	}
	return nil
}

// SetID gives the transaction an idempotency key: committing the same ops with it again changes nothing, other ops are
// ErrConflict. The last 10,000 keys are remembered.
func (tx *Tx) SetID(id string) error {
	return tx.set(func() { tx.key = id })
}

// SetMessage gives the transaction a message for people.
func (tx *Tx) SetMessage(message string) error {
	return tx.set(func() { tx.message = message })
}

func (tx *Tx) set(f func()) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTxDone
	}
	f()
	return nil
}

// add checks what can be checked without the tree, and adds the op.
func (tx *Tx) add(g given, conds []Cond) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTxDone
	}
	err := g.clean(conds)
	o := tx.shared.op(g)
	if err != nil {
		return &Error{Op: len(tx.ops), Path: o.said(), Err: err}
	}
	return tx.hold(o)
}

// hold adds an op that is clean.
func (tx *Tx) hold(o op) error {
	if err := tx.claim(len(tx.ops), &o); err != nil {
		return err
	}
	tx.ops = append(tx.ops, o)
	tx.number(o.content)
	return nil
}

// claim refuses a second op that ends on a path.
func (tx *Tx) claim(i int, o *op) error {
	for _, p := range o.ends() {
		if j, ok := tx.byPath[p]; ok && tx.clash(j, o, p) {
			return &Error{Op: i, Path: p, Err: invalidf(
				"op %d (%s) and op %d (%s) both end on this path", j, tx.ops[j].Kind, i, o.Kind)}
		}
		tx.byPath[p] = i
	}
	return nil
}

// clash says whether op j and o may not both end on p.
func (tx *Tx) clash(j int, o *op, p string) bool {
	return !tx.ops[j].frees(o, p) && !o.frees(&tx.ops[j], p)
}

// frees says that o takes away what is at p, and by may put something there: anything new at the old name of a rename,
// and only the new name of a rename where something is removed.
func (o *op) frees(by *op, p string) bool {
	switch o.Kind {
	case manifest.Rename:
		return o.From == p && by.From != p && by.Kind != manifest.Remove && by.Kind != manifest.Chmod
	case manifest.Remove:
		return by.Kind == manifest.Rename && by.To == p
	case manifest.Write, manifest.Mkdir, manifest.Symlink, manifest.Chmod, manifest.Tree:
	}
	return false
}

// clean validates the op's paths and puts the conditions into it.
func (o *given) clean(conds []Cond) error {
	for _, c := range conds {
		if o.Expect.State != manifest.ExpectNothing && o.Expect != c.expect {
			return invalidf("two conditions on one path")
		}
		o.Expect = c.expect
	}
	fields := []*string{&o.Path}
	if o.Kind == manifest.Rename {
		fields = []*string{&o.From, &o.To}
	}
	for _, f := range fields {
		clean, err := manifest.CleanPath(*f, o.Kind == manifest.Tree)
		if err != nil {
			return invalid{err}
		}
		*f = clean
	}
	if o.Kind == manifest.Rename && o.From == o.To {
		return invalidf("a rename onto itself")
	}
	if o.perm == 0 {
		o.perm = 0o666
		if o.Kind == manifest.Mkdir {
			o.perm = 0o777
		}
	}
	if o.Kind == manifest.Tree {
		return o.checkGlobs()
	}
	return nil
}

// Rollback ends the transaction without a change. After Commit it is a no-op that returns ErrTxDone.
func (tx *Tx) Rollback() error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTxDone
	}
	tx.done = true
	tx.store.forget(tx)
	return errors.Join(tx.release(), tx.store.drop())
}
