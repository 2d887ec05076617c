package memfs

import "strings"

// Refuse lets the n-th rename into or out of the tree, which is all but the state folder, fail from now on; 0: none.
func (f *FS) Refuse(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = n
}

// Refused says that the rename was refused.
func (f *FS) Refused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuse == 0
}

// Exchange says whether names can be exchanged from now on: many file systems lack that, and answer EINVAL.
func (f *FS) Exchange(can bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noExchange = !can
}

// Fold makes names the same that differ in case only, from now on; each is listed as it was made.
func (f *FS) Fold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.folds = true
}

// called returns how a name is written in a folder, if it is there.
func (f *FS) called(d *node, name string) string {
	if !f.folds || d.kids[name] != nil {
		return name
	}
	for there := range d.kids {
		if strings.EqualFold(there, name) {
			return there
		}
	}
	return name
}

// FailSync lets the n-th sync of a file or folder fail from now on, of those whose path contains a text; 0: none.
func (f *FS) FailSync(n int, where string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.failAt = n, where
}

// refuses says that this rename is the one.
func (f *FS) refuses(dirs ...*node) bool {
	if f.refuse == 0 {
		return false
	}
	for _, d := range dirs {
		if inTree(d) {
			f.refuse--
			return f.refuse == 0
		}
	}
	return false
}

// inTree says that a folder is not in a state folder.
func inTree(d *node) bool {
	for n := d; n != nil && n.up != n; n = n.up {
		if n.up != nil && n.up.kids[".txcommit"] == n {
			return false
		}
	}
	return true
}
