package protocol

// A place is a path of the tree.
type place uint8

const (
	pathA  place = iota // p/a
	pathB               // q/b
	pathC               // r/c
	pathAX              // p/a/x, where p/a is a folder, and so on
	pathBX
	pathCX
	nowhere
)

func (p place) String() string {
	return [...]string{"p/a", "q/b", "r/c", "p/a/x", "q/b/x", "r/c/x", ""}[p]
}

// above is the path of the folder that a path is in; ok is false for those in p, q and r.
func (p place) above() (place, bool) { return p - pathAX, p >= pathAX }

// top is where p, q or r are found in the root.
func (p place) top() slot { return atP + slot(p%3) }

// in is a path's slot in a folder.
func (p place) in(dir inode) slot {
	if p >= pathAX {
		return inside(dir)
	}
	return [...]slot{atA, atB, atC}[p]
}

type stepKind uint8

const (
	install stepKind = iota
	remove
	chmod
	move
)

func (k stepKind) String() string { return [...]string{"install", "remove", "chmod", "move"}[k] }

// step is one step of a transaction, in the order of the plan.
type step struct {
	kind   stepKind
	at     place
	from   place // of a linked install: the file that is renamed
	to     place // of a move
	folder bool  // of an install: a folder with a file in it
	bare   bool  // there is nothing in that folder
	inner  place // of the install of a folder: what is renamed into it instead
	empty  bool  // of a remove: not recursive
	takes  uint8 // of an install, in an undo: the step of A, from 1, whose old file it brings back
}

func put(at place) step        { return step{kind: install, at: at, from: nowhere, inner: nowhere} }
func link(at, from place) step { return step{kind: install, at: at, from: from, inner: nowhere} }
func mkdir(at place) step {
	return step{kind: install, at: at, from: nowhere, folder: true, inner: nowhere}
}

func mkdirEmpty(at place) step {
	return step{kind: install, at: at, from: nowhere, folder: true, bare: true, inner: nowhere}
}
func emptied(s step) step          { s.empty = true; return s }
func holding(s step, p place) step { s.inner = p; return s }
func gone(at place) step           { return step{kind: remove, at: at, from: nowhere, inner: nowhere} }

// restore brings back what step i of A has taken from a path.
func restore(at place, i uint8) step {
	return step{kind: install, at: at, from: nowhere, inner: nowhere, takes: i + 1}
}

// linked says that the step installs a second link to a file that is somewhere else.
func (s step) linked() bool { return s.from != nowhere || s.takes > 0 }

func mode(at place) step { return step{kind: chmod, at: at, from: nowhere, inner: nowhere} }

func moved(from, to place) step {
	return step{kind: move, at: from, to: to, from: nowhere, inner: nowhere}
}

// act is something that a user or a program that knows nothing of us does.
type act struct {
	kind actKind
	at   place
	to   place
}

type actKind uint8

const (
	replace  actKind = iota // a new file takes the place, by rename
	unlink                  // rm -r
	edit                    // written into, in place
	shift                   // mv at to
	linkTo                  // ln -f at to
	aside                   // ln p/a p/a2
	back                    // mv p/a2 p/a
	setMode                 // chmod
	fill                    // a new file in a folder
	shiftTop                // mv p z
	nextTo                  // mv p/a p/a2
)

// Scenario bounds one search.
type Scenario struct {
	Name string
	a, b []step
	acts []act

	expect   bool // every op has a condition on its target
	noswap   bool // the file system cannot exchange names
	syncfs   bool // barriers are one syncfs
	fresh    bool // the first transaction makes the store
	process  [2]bool
	reused   bool // a freed inode's number is given to the next file
	history  bool // the last transaction is kept for undo
	undo     bool // B is the undo of A
	abandon  bool // a user may give an unfinished transaction up
	abc      [3]what
	maxCrash uint8
	maxActs  uint8
	refusals uint8
	bug      Bug
}

// what is at a path at first.
type what uint8

const (
	file what = iota
	nothing
	dir // with a file in it
	emptyDir
)

func (sc *Scenario) steps(tx int) []step {
	if tx == 0 {
		return sc.a
	}
	return sc.b
}

// expects says that a transaction has a condition on each target: an undo has that it is as A has left it.
func (sc *Scenario) expects(tx int) bool { return sc.expect || sc.undo && tx == 1 }
