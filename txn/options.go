package txn

import "time"

// Durability says what a commit has made sure of when it returns.
type Durability uint8

const (
	// Sync is the default: once Commit returns, the change survives power loss on storage that honours flushes.
	Sync Durability = iota
	// Process skips flushing data and folders, but in a transaction that changes more than one file system, and where mounts
	// have no number of their own (Linux before 6.8, other systems), which are as Sync. The commit is atomic against the death
	// of the process; after a power loss nothing is promised, and what can be seen to be torn is reported once as ErrIncomplete.
	Process
)

// Symlinks says what a write does when its path is a symbolic link.
type Symlinks uint8

const (
	// FollowSymlinks writes to the file that the link leads to inside the root. A dangling, looping or
	// escaping link is an error. It is the default.
	FollowSymlinks Symlinks = iota
	// ReplaceSymlinks replaces the link itself by the new file.
	ReplaceSymlinks
	// RefuseSymlinks makes a link at the path of a write an error.
	RefuseSymlinks
)

// DefaultLockTimeout is how long a commit or a view waits for others when Options.LockTimeout is zero.
const DefaultLockTimeout = 30 * time.Second

// Options are the settings of a Store. The zero value is ready to use.
type Options struct {
	// Durability of the commits; the zero value is Sync.
	Durability Durability
	// Symlinks is the policy for writes to symbolic links; the zero value is FollowSymlinks.
	Symlinks Symlinks
	// History is for how many transactions what they replaced is kept, so that Undo can put it back. Each commit that has
	// an effect drops what is beyond, whoever has kept it: a program that commits with the zero value drops what the command
	// has kept. An undo is a commit, too, unless UndoOptions.KeepHistory says otherwise; so is one that changes another mount, file
	// system, subvolume or project than the root's, of which nothing is kept. It takes the space of the old files until then,
	// and old secrets stay readable in .txcommit/history. The zero
	// value keeps nothing.
	History int
	// Jobs bounds how many files are staged at once; 0 means twice the number of processors that Go may use.
	Jobs int
	// LockTimeout is how long one call (Open, Commit, View, Recover, ...) waits for others in all: for the store's lock, for
	// readers or writers of the view, and for other commits of this process. What the call does besides does not count. 0
	// means DefaultLockTimeout, negative means not to wait.
	LockTimeout time.Duration
	// AllowUnsafeFS permits file systems that do not promise what the guarantee needs (network and FUSE file systems).
	AllowUnsafeFS bool
	// Progress, if not nil, is told how far commits and plans have come: one call after the other for each of them, but
	// from their goroutines. It must return at once, and not use the store.
	Progress func(Progress)
	// ReadOnly opens the store without recovering it: nothing is created or changed. Begin still works for Plan;
	// Commit, Update and a store that needs recovery are refused.
	ReadOnly bool
}

func (o *Options) lockTimeout() time.Duration {
	switch {
	case o.LockTimeout == 0:
		return DefaultLockTimeout
	case o.LockTimeout < 0:
		return 0
	}
	return o.LockTimeout
}
