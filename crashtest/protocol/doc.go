// Package protocol is a model of the commit protocol that is searched state by state: all that two transactions, a crash
// at any point, a user and a kernel can make of each other, within bounds. It knows nothing of the product's code; that
// the two agree is a matter of reading them side by side, and of the other layers of the lab.
//
// # What is modelled
//
// The names have those of the product: commit.go is steps 1 to 7 of docs/design.md, recover.go, redo.go and undo.go are
// those of package recovery, journal.go is bbolt as far as it matters.
//
//   - Two transactions, one after the other, by one process or by several, on p/a, q/b and r/c, and on what is inside
//     them: install (staged, or linked as the new name of a rename; files and folders), remove, chmod, and moves of
//     folders, also into folders that come with the transaction. See shapes.go.
//   - A process that is killed at any point of commit, recovery or undo, and killed again while it recovers.
//   - A power cut at any point: any changes of names that were not synced are lost, but a name that keeps a change keeps
//     the ones before it; a rename of a file between folders may show both names; an exchange is whole; content and modes
//     are lost if they were not synced; what was put into the journal is seen before it is durable.
//   - Levels sync and process, barriers folder by folder or by syncfs, file systems with and without exchange, conditions
//     on every target, a first transaction that makes the store, an abandoned transaction.
//   - A transaction that is kept for undo, and a second one that is its undo. See history.go.
//   - A user who acts once, at any point, also while no process runs: he replaces, deletes, edits, moves, links or chmods
//     a target, fills a folder, or moves a target's folder away. A freed inode's number may be given to his file.
//   - A kernel that refuses one call after the commit point, once or for good, or the put itself.
//   - A reader who takes a view at any point at which nobody keeps him out.
//
// # What must hold
//
// oracle.go has the promises as they can be seen in a state: I1 to I5, I9, I10 and I11 of docs/design.md, and that of View.
// Each recovery is done a second time, and must change nothing; one that nobody stands in the way of must come to its end.
//
// # What is abstracted
//
// The look before the commit point is one step, since anything that comes right after it might have come in its midst. A
// barrier is one step, since a power cut in its midst leaves what one before it may leave. A stage folder has no
// subfolders, and each remove a placeholder of its own. Locks are not taken: who would wait has not come yet. Staging by
// one process while another commits is left out: it touches nothing but its own stage folder, which a live process owns.
// What users do before a transaction is prepared is as good as durable, but where the transaction relies on it. States are
// told apart by a hash of 64 bits.
//
// # What is not covered
//
// An undo that makes folders anew, and the undo of an undo. Commits of several goroutines that share one put. Lists kept
// beside the journal, which are staged files like others. Trees and pruning, which become the same steps. The files of which a store is made, and its journal being replaced. Full disks, syncs that fail half-way, several
// stores, more than two transactions at once, three levels of folders. Two acts of users in one story, but where a test
// says so.
package protocol
