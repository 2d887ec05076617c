package txn

import (
	"io/fs"
	"time"

	"github.com/txcommit/txcommit/recovery"
)

// Recovery tells what became of one transaction that a crash had left unfinished.
type Recovery = recovery.Outcome

// Left is what a dead process has left and a recovery could not delete, and why. It is in nobody's way.
type Left = recovery.Left

// Result tells what a commit did.
type Result struct {
	// ID is the transaction's id, a UUIDv7; empty when nothing had to be done.
	ID string
	// Committed is true when the transaction is in place, also when there was nothing to do.
	Committed bool
	// Repeated is true when the id given with SetID was committed before with the same ops.
	Repeated bool
	// RolledBack is true when the kernel refused a step after the commit point and all was undone.
	RolledBack bool
	// Created, Changed, Removed and Unchanged count files and links.
	Created, Changed, Removed, Unchanged int
	// Folders counts the folders that were made, removed, renamed or given another mode; of those in a folder that goes
	// or comes as a whole only those that an op names, or implies.
	Folders int
	// Bytes is the size of the new content.
	Bytes int64
	// Kept is the size of what history keeps of what the transaction replaced; see Options.History.
	Kept int64
	// Duration is the time from the call of Commit to its return.
	Duration time.Duration
	// Recovered lists the unfinished transactions of others that this commit had to end first.
	Recovered []Recovery
	// Displaced lists what others had put in the way, as paths relative to the root (".txcommit/displaced/...").
	Displaced []string
	// HardLinked lists the replaced files that have other names, which keep the old content, as paths relative to the root.
	HardLinked []string
	// NotKept is true when Options.History asks for it and yet nothing is kept for Undo, because the transaction has changed
	// something on another mount, file system, subvolume or project than the root's. It ends the history: to undo what came
	// before it would skip it.
	NotKept bool
	// Cleanup is what went wrong after the change was in place and durable. The next commit cleans up.
	Cleanup error
}

// Change is one line of a plan.
type Change struct {
	// Symbol is '+' for new, '~' for changed, '-' for removed, '>' for renamed, 'm' for a new mode, '=' for unchanged.
	Symbol byte
	// Path is the path of the change, relative to the root and with links resolved.
	Path string
	// From is the old path of what is renamed. A folder that is renamed has one line, with all that is in it.
	From string
	// Op is the index of the op that asks for it.
	Op int
	// Before and After say what is at Path now, unless that is renamed, and what will be.
	Before, After Entry
}

// Entry describes what is at a path. The zero Entry: nothing is.
type Entry struct {
	// Mode is the kind and the permissions. With Umask set they are those before the umask: of what does not exist yet,
	// and is given no mode.
	Mode  fs.FileMode
	Umask bool
	// Exists says that something is there.
	Exists bool
	// Size is the length of a file in bytes.
	Size int64
	// Links is the number of names (hard links) that a file has: those that are not replaced keep the old content.
	Links int
	// Target is where a link leads; only known of a link that an op makes.
	Target string
}

// Plan tells what a commit would do.
type Plan struct {
	// Changes are ordered by path: one for each path that differs after the commit, and for each that an op names.
	Changes []Change
	// Created, Changed, Removed and Unchanged count files and links, and Folders counts folders, as in Result.
	Created, Changed, Removed, Unchanged, Folders int
	// Bytes is the size of the new content.
	Bytes int64
	// Repeated is true when the id given with SetID was committed before with the same ops, by the transaction ID. Then
	// nothing would be done, and the rest of the plan is empty.
	Repeated bool
	ID       string

	effective bool
}

// Effective says whether a commit would change anything.
func (p *Plan) Effective() bool { return p.effective }

// State is the answer of Status.
type State struct {
	// State is "clean", "busy" or "pending".
	State string
	// Holder tells who holds a busy store.
	Holder *Holder
	// Pending lists what the next recovery will do.
	Pending []Recovery
	// Leftovers counts stage folders of dead processes that the next recovery will delete.
	Leftovers int
	// Displaced lists what recovery has put aside, as paths relative to the root.
	Displaced []string
	// Undoable counts the transactions in the history, and KeptBytes is the size of what they keep; see Options.History.
	Undoable  int
	KeptBytes int64
	// Store is the store's id; empty when there is no store yet.
	Store string
}

// Holder tells who holds the store. It is for people: liveness is decided by the lock alone.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// Report tells what an explicit recovery did.
type Report struct {
	// Recovered lists the transactions that were ended.
	Recovered []Recovery
	// Swept counts stage folders of dead processes that were deleted.
	Swept int
	// Left lists what could not be deleted of them, or of what transactions have replaced: what it is on is not mounted,
	// or not for writing, or so full that it refuses even that, as btrfs does; where it is cannot be looked at; or the
	// kernel refuses (EACCES, EPERM of an immutable file, EBUSY of a mount point).
	Left []Left
	// Displaced lists what was put aside instead of thrown away, as paths relative to the root.
	Displaced []string
	// Rebuilt is true when Rebuild has made a new journal; Intact, when it found one that can be read.
	Rebuilt, Intact bool
	// Unended is true when Rebuild has displaced stage folders: the tree may hold half of a transaction, and the rest of
	// its files are in them.
	Unended bool
}
