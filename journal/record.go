package journal

import (
	"github.com/google/uuid"
)

// Inode names an inode for good: its number and its birth time in nanoseconds since 1970 (0 where the file system
// keeps none). A number alone is given to another file soon after the first one is gone.
type Inode struct {
	Ino  uint64 `cbor:"1,keyasint"`
	Born int64  `cbor:"2,keyasint,omitempty"`
}

// StepKind is one of the four kinds of step.
type StepKind uint8

// The kinds of step.
const (
	Install StepKind = iota + 1 // the staged inode goes to the target, what was there comes out
	Remove                      // the target comes out, over a placeholder
	Chmod                       // the target's mode changes
	Move                        // a folder is renamed
)

// String returns the kind's name.
func (k StepKind) String() string {
	switch k {
	case Install:
		return "install"
	case Remove:
		return "remove"
	case Chmod:
		return "chmod"
	case Move:
		return "move"
	}
	return "unknown"
}

// Flags qualify a step.
type Flags uint8

const (
	// Linked says that the staged inode is a hard link to a file of the user (the new name of a rename), not one of ours.
	Linked Flags = 1 << iota
	// Expect says that the target must be as recorded, or the transaction is undone.
	Expect
	// Exchange says that the file system swaps names; otherwise N.old is a second link to what is replaced.
	Exchange
	// Empty says that a folder must be empty when it is removed.
	Empty
	// Relinked says that a removed file keeps another name, so that redoing the removal later could revert a user's act.
	Relinked
)

// EntryKind is the kind of a recorded directory entry; the numbers are part of the format.
type EntryKind uint8

// Entry is what was at a target when the transaction was prepared. The zero value: nothing.
type Entry struct {
	_     struct{} `cbor:",toarray"`
	Kind  EntryKind
	Inode Inode
	Size  int64
	Mtime int64
	// Walk is the digest of all that is below a folder; 0 for others.
	Walk uint64
}

// Step is one change of the tree. N.new and N.old are the names "<Num>.new" and "<Num>.old" in the subfolder Sub of
// the transaction's stage folder.
type Step struct {
	_      struct{} `cbor:",toarray"`
	Kind   StepKind
	Flags  Flags
	Parent uint32 // index of the target's folder in Record.Parents
	Name   string // the target's name in it
	Sub    uint32 // index of the stage subfolder in Record.Subs
	Num    uint32
	New    Inode  // install: the staged inode; remove: the placeholder
	Walk   uint64 // install of a folder: the digest of all that is below; of a file: of its size and time
	Digest uint64 // level process: the digest of the content
	Old    Entry  // what is at the target; for a move, at its old name
	Mode   uint16 // chmod: the new mode
	Was    uint16 // chmod: the old mode
	// ToParent and ToName are the new name of a move.
	ToParent uint32
	ToName   string
}

// Parent is a folder in which a step changes a name. Path is relative to the root, "." for the root, without links.
type Parent struct {
	_     struct{} `cbor:",toarray"`
	Path  string
	Inode Inode
}

// Sub is a subfolder of the stage folder; or, if its name is a path relative to the root, an outer folder: see Outer.
type Sub struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Inode Inode
}

// Record is what the journal keeps of a transaction from its commit point on.
type Record struct {
	ID    uuid.UUID `cbor:"-"`
	State State     `cbor:"-"`
	// Process says that the transaction was committed with durability process. Boot and Mount name the boot and the
	// mount that its undurable changes live in; if unknown or different the machine was restarted since.
	Process bool   `cbor:"1,keyasint,omitempty"`
	Boot    string `cbor:"2,keyasint,omitempty"`
	Mount   uint64 `cbor:"3,keyasint,omitempty"`
	// Seq orders the records of level process that are in a journal together.
	Seq uint64 `cbor:"12,keyasint,omitempty"`
	// Created is the time of the commit point in nanoseconds since 1970. For people.
	Created int64  `cbor:"4,keyasint"`
	Message string `cbor:"5,keyasint,omitempty"`
	// Key is the user's idempotency key, Ops the digest of the ops that were given with it.
	Key string `cbor:"6,keyasint,omitempty"`
	Ops []byte `cbor:"7,keyasint,omitempty"`
	// Stage is the inode of the stage folder: a copied or restored store has another one.
	Stage   Inode    `cbor:"8,keyasint"`
	Subs    []Sub    `cbor:"9,keyasint"`
	Parents []Parent `cbor:"10,keyasint"`
	Steps   []Step   `cbor:"11,keyasint"`
	// Keep says that history keeps what the transaction replaces; KeptBytes is the size of that, and Counts is for people.
	Keep      bool    `cbor:"14,keyasint,omitempty"`
	Counts    *Counts `cbor:"15,keyasint,omitempty"`
	KeptBytes int64   `cbor:"16,keyasint,omitempty"`
	// Consumed says that a source was moved into the tree: an undo does not bring it back.
	Consumed bool `cbor:"19,keyasint,omitempty"`
	// Undoes is the transaction that this one undoes. When this one has ended, its idempotency key is forgotten.
	Undoes *Undone `cbor:"17,keyasint,omitempty"`
	// Made lists what is below the new folders of a transaction that is kept.
	Made []Made `cbor:"18,keyasint,omitempty"`
	// Beside, if not nil, says that Subs, Parents, Steps and Made are not in the journal but in a file; see Detach.
	Beside *Beside `cbor:"13,keyasint,omitempty"`
}

// Counts counts files and links.
type Counts struct {
	_                         struct{} `cbor:",toarray"`
	Created, Changed, Removed int
}

// Undone is a transaction that is undone, and its idempotency key, if it had one.
type Undone struct {
	_   struct{} `cbor:",toarray"`
	ID  uuid.UUID
	Key string
}

// Made is an entry below a new folder. Inode and Seal are those it came with; a folder has no Seal.
type Made struct {
	_     struct{} `cbor:",toarray"`
	Step  uint32   // index of the step that installed the folder
	Path  string   // relative to that folder
	Kind  EntryKind
	Inode Inode
	Seal  uint64
}

// Beside names the content of a file.
type Beside struct {
	_      struct{} `cbor:",toarray"`
	Length uint64
	Sum    uint64 // xxh3
}

// Path returns the user's path of the step's target.
func (r *Record) Path(s *Step) string { return join(r.Parents[s.Parent].Path, s.Name) }

// ToPath returns the new path of a move.
func (r *Record) ToPath(s *Step) string { return join(r.Parents[s.ToParent].Path, s.ToName) }

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// Hasty says that a finished record must be deleted before the transaction is acknowledged: redoing a chmod, a move or
// the removal of one of several names later could revert what a user has done after the acknowledgement.
func (r *Record) Hasty() bool {
	if r.Undoes != nil && r.Undoes.Key != "" {
		return true // the key must not be remembered any more when that is said
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Kind == Chmod || s.Kind == Move || s.Flags&Relinked != 0 {
			return true
		}
	}
	return false
}
