package txn

import "io/fs"

// FS returns the tree as it would be after Commit.
func (tx *Tx) FS() fs.FS { return treeFS{tx.store.files.FS()} }
