package protocol

import "fmt"

// inode is one file or folder, for good: what the product knows by number and birth time.
type inode uint8

const (
	none inode = iota
	root
	dirP
	dirQ
	dirR
	stateDir
	stageDir
	trashDir
	keptDir
	historyDir
	stageA // the stage folder of A; that of B follows
	stageB
	oldA // what is at a, b and c at first
	oldB
	oldC
	insideA // what is inside those, where they are folders
	insideB
	insideC
	newA0 // what the steps of A have staged; those of B follow
	newA1
	newA2
	newB0
	newB1
	newB2
	insideNewA // what is inside a folder that A has staged
	insideNewB
	ownerA
	ownerB
	user0 // what users make
	user1
	user2
	inodes
)

// slot is one name in one folder, or the mode of one file. Its value is an inode, or a mode.
type slot uint8

// The names of the tree come first.
const (
	atA  slot = iota
	atA2      // a second name beside a, for users
	atB
	atC
	insideFirst // the name x inside a folder: of oldA, oldB, oldC, newA0 to newB2
	modeFirst   = insideFirst + 9
	treeSlots   = modeFirst + 3
	atP         = treeSlots // the folders of a, b and c, in the root
	atQ         = atP + 1
	atR         = atP + 2
	atZ         = atP + 3 // where a user moves p
	atState     = atP + 4
	atStage     = atP + 5
	stageFirst  = atP + 6         // stage/A, A.owner, B, B.owner
	trashFirst  = stageFirst + 4  // trash/A, B
	keepFirst   = trashFirst + 2  // history/A, B
	namesFirst  = keepFirst + 2   // N.new, N.old, N.out of A0 to B2
	keptFirst   = namesFirst + 18 // two names in displaced/ for each step, and one for each stage folder
	slots       = keptFirst + 14
)

const noSlot = slot(255)

// folders tells the folder that a slot is in. A mode is in its own inode.
var folders = func() (f [slots]inode) {
	f[atA], f[atA2], f[atB], f[atC] = dirP, dirP, dirQ, dirR
	for i := range 3 {
		f[insideFirst+slot(i)] = oldA + inode(i)
		f[modeFirst+slot(i)] = oldA + inode(i)
	}
	for i := range 6 {
		f[insideFirst+3+slot(i)] = newA0 + inode(i)
	}
	f[atP], f[atQ], f[atR], f[atZ], f[atState], f[atStage] = root, root, root, root, root, stateDir
	for tx := range 2 {
		f[staged(tx)], f[owner(tx)], f[trashed(tx)], f[keptStage(tx)] = stageDir, stageDir, trashDir, keptDir
		f[inHistory(tx)] = historyDir
		for i := range 3 {
			f[newName(tx, i)], f[oldName(tx, i)], f[outName(tx, i)] = stageA+inode(tx), stageA+inode(tx), stageA+inode(tx)
			f[keptName(tx, i, 0)], f[keptName(tx, i, 1)] = keptDir, keptDir
		}
	}
	return f
}()

func staged(tx int) slot          { return stageFirst + slot(2*tx) }
func owner(tx int) slot           { return stageFirst + slot(2*tx) + 1 }
func trashed(tx int) slot         { return trashFirst + slot(tx) }
func inHistory(tx int) slot       { return keepFirst + slot(tx) }
func newName(tx, i int) slot      { return namesFirst + slot(9*tx+3*i) }
func oldName(tx, i int) slot      { return newName(tx, i) + 1 }
func outName(tx, i int) slot      { return newName(tx, i) + 2 }
func keptName(tx, i, n int) slot  { return keptFirst + slot(6*tx+2*i+n) }
func keptStage(tx int) slot       { return keptFirst + 12 + slot(tx) }
func stagedInode(tx, i int) inode { return newA0 + inode(3*tx+i) }

// inside is the name x in a folder.
func inside(dir inode) slot {
	switch {
	case dir >= oldA && dir <= oldC:
		return insideFirst + slot(dir-oldA)
	case dir >= newA0 && dir <= newB2:
		return insideFirst + 3 + slot(dir-newA0)
	}
	return noSlot
}

// modeOf is the mode of a file. Only what is there at first has one that matters.
func modeOf(i inode) slot {
	if i >= oldA && i <= oldC {
		return modeFirst + slot(i-oldA)
	}
	return noSlot
}

func isMode(s slot) bool { return s >= modeFirst && s < treeSlots }

func (i inode) String() string {
	switch {
	case i == none:
		return "nothing"
	case i >= oldA && i <= oldC:
		return "old-" + string(rune('a'+i-oldA))
	case i >= insideA && i <= insideC:
		return "in-old-" + string(rune('a'+i-insideA))
	case i >= newA0 && i <= newB2:
		return fmt.Sprintf("new-%c%d", 'A'+(i-newA0)/3, (i-newA0)%3)
	case i == insideNewA, i == insideNewB:
		return "in-new-" + string(rune('A'+i-insideNewA))
	case i >= user0:
		return fmt.Sprintf("user-%d", i-user0)
	}
	return "there"
}

func (s slot) String() string {
	switch {
	case s <= atC:
		return [...]string{"p/a", "p/a2", "q/b", "r/c"}[s]
	case s < modeFirst:
		return fmt.Sprintf("%v/x", folders[s])
	case s < treeSlots:
		return fmt.Sprintf("mode(%v)", folders[s])
	case s < stageFirst:
		return [...]string{"p", "q", "r", "z", ".txcommit", "stage"}[s-atP]
	case s < trashFirst:
		return [...]string{"stage/A", "A.owner", "stage/B", "B.owner"}[s-stageFirst]
	case s < namesFirst:
		return [...]string{"trash/A", "trash/B", "history/A", "history/B"}[s-trashFirst]
	case s < keptFirst:
		n := s - namesFirst
		return fmt.Sprintf("%c/%d.%s", 'A'+n/9, n%9/3, [...]string{"new", "old", "out"}[n%3])
	case s < keptStage(0):
		n := s - keptFirst
		return fmt.Sprintf("displaced/%c%d.%d", 'A'+n/6, n%6/2, n%2)
	}
	return fmt.Sprintf("displaced/%c", 'A'+s-keptStage(0))
}

// set is a set of slots or inodes.
type set uint64

func (s set) has(n uint8) bool { return s&(1<<n) != 0 }
func (s *set) add(n uint8)     { *s |= 1 << n }
func (s *set) drop(n uint8)    { *s &^= 1 << n }
