package protocol

// recordState is that of journal/state.go.
type recordState uint8

const (
	absent recordState = iota
	decided
	aborting
	abandoned
	kept // finished, and what it replaced is in history/
)

func (s recordState) String() string {
	return [...]string{"no record", "decided", "aborting", "abandoned", "kept"}[s]
}

// records is what the journal says about A and B.
type records [2]recordState

// journal is bbolt: a put is seen when it is written, and durable when it is synced.
type journal struct {
	seen, durable records
	// reused says that pages were overwritten which only the durable state needs: a power cut that takes back what is
	// seen leaves no readable journal.
	reused, broken bool
}

// entry is what was recorded of a target.
type entry struct {
	inode  inode
	edited bool
	walk   walk
}

// walk is the digest of what is below a folder.
type walk struct {
	inside inode
	edited bool
}

// record is what was put about a transaction, but for its state. It never changes.
type record struct {
	parent   [3]inode
	toParent [3]inode // of a move
	old      [3]entry
	staged   [3]inode // install: what is staged; remove: the placeholder
	walk     [3]walk  // of a staged folder
	edited   [3]bool  // what is staged was edited by a user before (a file that is renamed)
	mode     [3]inode // chmod: the old mode
	dropped  [3]bool  // the plan has no such step: all is in place
	relinked [3]bool  // what is removed keeps another name
	rebooted bool     // the machine was restarted since
}

// outcome is how a transaction has ended. Once it is told it must hold for ever.
type outcome uint8

const (
	open outcome = iota
	isNew
	isOld
	isTorn
	isGivenUp
)

func (o outcome) String() string {
	return [...]string{"open", "new", "old", "torn", "given up"}[o]
}

// state is all that outlives a process, and what the oracle remembers.
type state struct {
	disk
	journal
	record  [2]record
	clean   bool     // the stamp of the view lock
	numbers [3]inode // of what users have made: the freed inode whose number it got

	tried   [2]bool
	outcome [2]outcome
	last    uint8 // the newest transaction that was prepared, counted from 1
	before  [treeSlots]inode
	after   [treeSlots]inode

	frozen      bool // all had ended when this recovery began, which must leave the tree as it is
	asFound     [treeSlots]inode
	done        [2]bool // all steps were done and durable, and nothing was told yet
	touched     set     // slots that a user has changed
	excused     set     // slots that a user's change elsewhere may keep recovery from changing
	released    set     // inodes that a user has given up
	byHand      set     // inodes that a user has brought back to where an unfinished transaction takes them from
	overwritten set     // inodes that a user has given up if the transaction that was renaming them fails
	relinked    bool    // a user has renamed or linked something

	crashes, acts, refusals uint8
	made                    uint8 // inodes made by users
	stuck                   string
	stuckAt                 uint8
}

// same says that two inodes are one and the same. The product compares number and birth time, the seeded bug only
// numbers, which are given out again.
func (m *machine) same(a, b inode) bool {
	if m.bug == NumbersOnly {
		a, b = m.number(a), m.number(b)
	}
	return a == b
}

func (m *machine) number(i inode) inode {
	if i >= user0 && i < inodes && m.s.numbers[i-user0] != none {
		return m.s.numbers[i-user0]
	}
	return i
}

func (m *machine) entry(i inode) entry {
	return entry{i, m.s.edited.has(uint8(i)), m.walkOf(i)}
}

func (m *machine) walkOf(i inode) walk {
	s := inside(i)
	if s == noSlot || !m.isFolder(i) || m.s.disk.seen[s] == none {
		return walk{}
	}
	in := m.s.disk.seen[s]
	return walk{in, m.s.edited.has(uint8(in))}
}

func (m *machine) isFolder(i inode) bool { return m.s.folder.has(uint8(i)) }

// untouched says that i is the recorded inode and was not written since: its size and time, too, are as they were.
func (m *machine) untouched(i inode, e entry) bool {
	return m.same(i, e.inode) && (m.isFolder(i) || i == e.inode && m.s.edited.has(uint8(i)) == e.edited)
}
