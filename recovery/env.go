package recovery

import (
	"os"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// The names in the state folder that recovery works with.
const (
	StageFolder     = "stage"
	TrashFolder     = "trash"
	DisplacedFolder = "displaced"
	HistoryFolder   = "history"
	BallastFile     = "ballast"
	// StepsFile is where a stage folder keeps the lists of its record that are too large for the journal.
	StepsFile = "steps"
	// OwnerSuffix is put to the id of a transaction: stage/<id>.owner is locked while its process lives.
	OwnerSuffix = ".owner"
)

// Env is a store whose lock is held by the caller, and whose journal is open. Where a record has to be resumed the
// caller also holds the view lock exclusively.
type Env struct {
	Root      *fsys.Dir // the root of the tree
	State     *fsys.Dir // ROOT/.txcommit
	Stage     *fsys.Dir // ROOT/.txcommit/stage
	Trash     *fsys.Dir // ROOT/.txcommit/trash
	Displaced *fsys.Dir // ROOT/.txcommit/displaced
	History   *fsys.Dir // ROOT/.txcommit/history
	DB        *journal.DB
	// View is the view lock's file, which carries the stamp.
	View *os.File
	// Thorough sweeps look on a whole disk for a folder that was moved with what a dead process has left in it.
	Thorough bool

	turn string // of the stamp: see stampSerial
}

// Outcome tells what became of one transaction.
type Outcome struct {
	ID string
	// Outcome is "completed", "rolled-back", "abandoned" or "torn" (a power loss took part of a transaction that was
	// committed with durability process); before recovery "to complete", "to roll back",
	// "to abandon" or "to verify".
	Outcome string
	Message string
	// Displaced lists what was put aside, as paths relative to the root.
	Displaced []string
	// Torn lists the paths that do not hold what the transaction wrote.
	Torn []string
}

func inode(i fsys.Info) journal.Inode { return journal.Inode(i.ID) }

// Describe makes the record's entry of what is at a name. The walk of a folder is the caller's.
func Describe(i fsys.Info) journal.Entry {
	if !i.Exists() {
		return journal.Entry{}
	}
	return journal.Entry{Kind: journal.EntryKind(i.Kind), Inode: inode(i), Size: i.Size, Mtime: i.Mtime}
}

// same says that i is the recorded inode, whatever its content.
func same(i fsys.Info, e journal.Entry) bool {
	return i.Exists() == (e.Kind != 0) && inode(i) == e.Inode
}

// untouched says that i is the recorded inode and was not written since.
func untouched(i fsys.Info, e journal.Entry) bool {
	return same(i, e) && (!Timed(i.Kind) || i.Size == e.Size && i.Mtime == e.Mtime)
}

// Timed says that size and time tell whether the content of an inode was changed. Those of a folder change with its entries;
// its walk tells. A link leads for good where it leads, and no sync reaches its time: a power cut may take that back.
func Timed(k fsys.Kind) bool { return k != fsys.Folder && k != fsys.Link }
