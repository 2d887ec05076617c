// Package txn changes many files below one folder as one transaction: all of its ops take effect or none does, through
// errors, SIGKILL, kernel crashes and power loss.
//
//	st, err := txn.Open(ctx, root, nil)              // ends what a crash has left; creates nothing
//	defer st.Close()
//	err = st.Update(ctx, func(tx *txn.Tx) error {    // commits on nil, rolls back on an error or a panic
//		if err := tx.WriteFile("go.mod", mod, 0o644, txn.IfSHA256(old)); err != nil {
//			return err
//		}
//		return tx.SyncTree("dist", "build/dist", txn.TreeOptions{Prune: true})
//	})
//
// A [Store] is a folder (the root) with its state in ROOT/.txcommit. A [Tx] is a set of ops on the tree as it was before
// the transaction, like a manifest (see package [github.com/txcommit/txcommit/txn/manifest]); their order does not
// matter, and two ops on one path are an error. [Store.View] reads; [Store.StageFor] and [Tx.Publish] put what another
// program makes into place; [Recover], [Status], [Check], [Abandon] and [Rebuild] are for those who look after a store.
//
// # The guarantee
//
// Atomic. After recovery (by itself at the next Open, commit or View, or by [Recover]) all ops of a transaction are in
// place, or none is. The commit point is the moment the journal record is durable.
//
// Durable. With [Sync], the default, once Commit has returned without an error the change survives power loss on storage
// that honours flushes, and the tree is whole even before any recovery. With [Process] nothing but the journal is
// flushed: atomic against the death of the process; after a power loss nothing is promised, and what can be seen to be
// torn is reported once, as [ErrIncomplete].
//
// Isolated, for those who ask. A View never sees half a transaction, also when a writer died half-way. Writers wait for
// viewers before their commit point, at most for their lock timeout. Other readers may see some files new and some old
// between the first rename and the last, but never a torn file, and never a missing name that was only being replaced.
//
// Compare and swap. An op with a condition ([IfSHA256], [IfAbsent], [IfPresent]) commits only if its path was in the
// expected state; otherwise the commit is [ErrConflict]. Among those who use this package that is exact. Where the file
// system can exchange two names it is exact also against programs that replace the file by a rename: what was swapped
// out is checked, and put back. Without exchange, content put there between the check and the rename can be lost. A
// program that writes into the old file in place at that instant can always lose what it writes.
//
// Nothing lost. A failure before the commit point leaves the tree byte for byte as it was, and no litter. After a failure
// behind it (the kernel refuses a rename, say) what was done is undone, durably, before it is reported; Result.RolledBack
// tells. If that cannot finish either, the error is [ErrIncomplete]: the journal keeps everything, each later Open or
// commit tries first, and the store takes no new transaction until recovery has ended this one or [Abandon] has given it
// up. Content of others that was in the way is kept in .txcommit/displaced and listed in Result.Displaced. The first
// error is never masked by a later one.
//
// # What is not promised
//
// That several paths change in one instant for readers that do not use View; that a replaced file keeps its hard links,
// inode number or watches; anything for writers that hold an old file open; mount points as targets; a .txcommit that is
// deleted while a commit runs; devices that lie about flushes. Network and FUSE file systems are refused unless
// Options.AllowUnsafeFS is set. A transaction can change several file systems, mounts, subvolumes and projects below the root,
// but rename nothing from one to another, and it is not kept for Undo. The package runs on Linux. Windows,
// where it was tested under Wine only, takes Options.AllowUnsafeFS too: nothing is promised for a power loss there, symbolic links
// are refused, and of modes and ACLs only the read-only flag is kept. For macOS and the BSDs it is only compiled and vetted so far.
//
// # Concurrency
//
// A Store serves many goroutines, and many processes may open one root. No lock is held while a transaction is put
// together or while the function of Update runs, only while it commits: transactions on one path are serialised, never
// interleaved. A commit inside View would wait for itself and is [ErrBusy] at once.
//
// The commits of one Store queue in their order, and what a goroutine has read before is older by each one in front of
// it. Goroutines that compare and swap the same path do better to read, Update and try again in turns, under a mutex.
//
// # Errors
//
// The sentinels match with the standard library's errors.Is, and what the operating system said stays reachable:
// fs.ErrPermission, syscall.ENOSPC, *fs.PathError with the user's path. [Error] tells which op it was. An op that is
// wrong whatever the tree holds matches fs.ErrInvalid. After any error but ErrIncomplete the tree is as it was, with one
// exception: Update also returns Result.Cleanup, which is about what follows the change.
package txn
