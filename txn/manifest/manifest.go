package manifest

import "fmt"

// Kind says what an op does.
type Kind uint8

// The kinds of op. The zero Kind is none of them.
const (
	Write Kind = iota + 1
	Remove
	Rename
	Mkdir
	Symlink
	Chmod
	Tree
)

// kindNames are the values of the key "op", indexed by Kind.
var kindNames = [...]string{
	Write: "write", Remove: "remove", Rename: "rename", Mkdir: "mkdir",
	Symlink: "symlink", Chmod: "chmod", Tree: "tree",
}

// String returns the kind as the manifest spells it.
func (k Kind) String() string {
	if !k.valid() {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

func (k Kind) valid() bool { return k >= Write && k <= Tree }

// Mode is an optional exact mode; the zero value means "not given", which is
// not the same as ModeOf(0).
type Mode uint16

const (
	modeBits  = 0o7777
	modeGiven = 1 << 15
)

// ModeOf returns the mode with the given bits in Unix octal layout:
// permission bits, 0o4000 setuid, 0o2000 setgid, 0o1000 sticky. Others are
// dropped. Note that [io/fs.FileMode] places the upper three elsewhere.
func ModeOf(bits uint32) Mode { return Mode(bits&modeBits) | modeGiven }

// Bits returns the bits ModeOf was given; ok is false if no mode was given.
func (m Mode) Bits() (bits uint32, ok bool) {
	return uint32(m) & modeBits, m&modeGiven != 0
}

// String returns the mode as the manifest spells it, "" if it was not given.
func (m Mode) String() string {
	bits, ok := m.Bits()
	if !ok {
		return ""
	}
	return fmt.Sprintf("%04o", bits)
}

// ExpectState says in which state an op wants to find its path.
type ExpectState uint8

// The states an op can expect. ExpectNothing makes no demand.
const (
	ExpectNothing ExpectState = iota
	ExpectAbsent
	ExpectPresent
	ExpectSHA256
)

// Expect is the condition of an op on the state of its path (of From, for
// Rename) before the transaction.
type Expect struct {
	State  ExpectState
	SHA256 [32]byte // of the present content; zero unless State is ExpectSHA256
}

// Op is one change. Fields that its kind does not have are zero.
type Op struct {
	Kind Kind

	// Path is cleaned; empty for Rename, which has From and To instead.
	Path     string
	From, To string

	// Content is the decoded content or base64 of a write: nil when Source is
	// used, not nil but empty for empty content.
	Content []byte
	// Source is the file (Write) or directory (Tree) to take, as written in
	// the manifest: relative to the manifest's folder, or absolute.
	Source string

	Mode   Mode
	SHA256 *[32]byte // digest the new content must have
	Format string    // "" or "json"
	Schema string    // as written, like Source
	Expect Expect

	RequireParents bool // parents: "require"
	Recursive      bool
	MissingOK      bool // missing: "ok"
	Replace        bool

	Target string // of a Symlink, as written

	Prune, Move, Times bool
	Exclude            []string // doublestar globs; nil if there are none

	// Line and Col are the position of the op's opening brace, from 1, the
	// column in bytes; both are 0 if the op was not parsed from text.
	Line, Col int32
}

// Manifest is a transaction as a user writes it down.
type Manifest struct {
	ID      string // idempotency key, "" if not given
	Message string // shown in history
	Ops     []Op
	Name    string // of the text, for errors; not part of it
}
