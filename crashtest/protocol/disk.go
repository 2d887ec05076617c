package protocol

import "math/bits"

// A change is one atomic change of one or two slots. A split one is the rename of a file from one folder to another: a
// power cut may show its first half, the new name, without the second.
type change struct {
	n     uint8
	split bool
	slot  [2]slot
	to    [2]inode
}

const maxPending = 32

// disk is a POSIX file system, as far as the protocol cares: what is seen, what is durable, and the changes between.
type disk struct {
	seen    [slots]inode
	durable [slots]inode
	pending [maxPending]change
	waiting uint8

	flushed set // inodes whose content is durable
	torn    set // inodes whose content a power cut has taken
	edited  set // inodes that a user has written into
	folder  set // inodes that are folders
}

func (d *disk) do(c change) {
	for i := range c.n {
		d.seen[c.slot[i]] = c.to[i]
	}
	if d.waiting == maxPending {
		panic("protocol: more unsynced changes than the model has room for")
	}
	d.pending[d.waiting] = c
	d.waiting++
}

// put gives a name to an inode, or to none.
func (d *disk) put(s slot, i inode) {
	if d.seen[s] != i {
		d.do(change{n: 1, slot: [2]slot{s}, to: [2]inode{i}})
	}
}

// rename replaces what is at the new name. Between two names of one inode it does nothing, as POSIX has it.
func (d *disk) rename(from, to slot) {
	i := d.seen[from]
	if i == d.seen[to] {
		return
	}
	split := folders[from] != folders[to] && !d.folder.has(uint8(i))
	d.do(change{2, split, [2]slot{to, from}, [2]inode{i, none}})
}

func (d *disk) exchange(a, b slot) {
	if d.seen[a] != d.seen[b] {
		d.do(change{2, false, [2]slot{a, b}, [2]inode{d.seen[b], d.seen[a]}})
	}
}

// removeAll takes a name away with all that is below it.
func (d *disk) removeAll(s slot) {
	if i := d.seen[s]; d.folder.has(uint8(i)) {
		for n := range slots {
			if folders[n] == i && !isMode(n) && d.seen[n] != none {
				d.removeAll(n)
			}
		}
	}
	d.put(s, none)
}

// sync makes the names in a folder durable, and the content and mode of a file. It makes no more durable than it must: of
// a split rename into the folder the other half stays in doubt. What an earlier change gave the same name comes along.
func (d *disk) sync(dirs ...inode) {
	var need set
	for s := range slots {
		for _, dir := range dirs {
			if folders[s] == dir {
				need.add(uint8(s))
			}
		}
	}
	for _, dir := range dirs {
		d.flushed.add(uint8(dir))
	}
	var first, second set // the pending changes of which the first, the second slot is made durable
	for k := int(d.waiting) - 1; k >= 0; k-- {
		c := &d.pending[k]
		to, from := need.has(uint8(c.slot[0])), c.n == 2 && need.has(uint8(c.slot[1]))
		if !to && !from {
			continue
		}
		first.add(uint8(k))
		need.add(uint8(c.slot[0]))
		if c.n == 2 && (from || !c.split) {
			second.add(uint8(k))
			need.add(uint8(c.slot[1]))
		}
	}
	d.settle(first, second)
}

// settle makes parts of the pending changes durable.
func (d *disk) settle(first, second set) {
	old, n := d.pending, d.waiting
	d.pending, d.waiting = [maxPending]change{}, 0
	for k := range n {
		c := old[k]
		if first.has(k) {
			d.durable[c.slot[0]] = c.to[0]
		}
		if second.has(k) {
			d.durable[c.slot[1]] = c.to[1]
		}
		switch {
		case !first.has(k):
		case c.n == 2 && !second.has(k):
			c = change{n: 1, slot: [2]slot{c.slot[1]}, to: [2]inode{c.to[1]}}
		default:
			continue
		}
		d.pending[d.waiting] = c
		d.waiting++
	}
}

// syncAll is syncfs.
func (d *disk) syncAll() {
	d.durable = d.seen
	d.pending, d.waiting = [maxPending]change{}, 0
	d.flushed = ^set(0)
}

// cuts calls each with every disk that a power cut may leave, and with the halves of the pending changes that it keeps.
// A change that is kept keeps the earlier ones of the same names: otherwise an inode could lose both of its names.
func (d *disk) cuts(each func(after disk, first, second set)) {
	var there set
	for s := range slots {
		if !isMode(s) {
			there.add(uint8(d.seen[s]))
		}
	}
	var try func(k uint8, lost, first, second set)
	try = func(k uint8, lost, first, second set) {
		if k == d.waiting {
			after := *d
			after.settle(first, second)
			after.torn |= there &^ d.flushed
			after.restart()
			each(after, first, second)
			return
		}
		c := &d.pending[k]
		touched := set(1 << c.slot[0])
		if c.n == 2 {
			touched |= 1 << c.slot[1]
		}
		if lost&touched == 0 {
			f, s := first, second
			f.add(k)
			if c.n == 2 {
				s.add(k)
			}
			try(k+1, lost, f, s)
			if c.split {
				try(k+1, lost|1<<c.slot[1], f, second)
			}
		}
		try(k+1, lost|touched, first, second)
	}
	try(0, 0, 0, 0)
}

// restart drops what was in memory only.
func (d *disk) restart() {
	d.pending, d.waiting = [maxPending]change{}, 0
	d.seen = d.durable
	there := d.below(1 << root)
	for s := range slots {
		if !there.has(uint8(folders[s])) {
			d.seen[s] = none
		}
	}
	d.durable = d.seen
}

// neverMade returns the files of users whose first name a power cut takes back, given the changes that it keeps.
func (d *disk) neverMade(kept set) (never set) {
	for k := range d.waiting {
		if c := &d.pending[k]; c.n == 1 && c.to[0] >= user0 && c.slot[0] < modeFirst && !kept.has(k) {
			never.add(uint8(c.to[0]))
		}
	}
	return never
}

// below returns all that can be reached from some folders, with them.
func (d *disk) below(from set) set {
	var in [64]set // by folder
	for s := range slots {
		if !isMode(s) && d.seen[s] != none {
			in[folders[s]].add(uint8(d.seen[s]))
		}
	}
	for _, dir := range []inode{root, stateDir} {
		in[dir] |= 1<<trashDir | 1<<keptDir | 1<<historyDir
	}
	all := from
	for todo := from; todo != 0; {
		dir := bits.TrailingZeros64(uint64(todo))
		todo = todo&^(1<<dir) | in[dir]&^all
		all |= in[dir]
	}
	return all
}

// tree returns what users can reach outside the state folder, and visible that and what was put aside for them.
func (d *disk) tree() set { return d.below(d.tops()) }

func (d *disk) visible() set { return d.below(d.tops() | 1<<keptDir) }

// tops are the folders of the tree that are in the root.
func (d *disk) tops() (all set) {
	for _, s := range []slot{atP, atZ, atQ, atR} {
		switch dir := d.seen[s]; dir {
		case dirP, dirQ, dirR:
			all.add(uint8(dir))
		}
	}
	return all
}
