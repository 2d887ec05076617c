package main

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"slices"
	"syscall"

	"github.com/txcommit/txcommit/txn"
)

// advice is what an error is called in JSON, and what to do about it.
type advice struct {
	is   error // nil: any error
	at   place // anywhere: any place
	kind string
	hint string
}

// advices are looked through from the top: the outcome counts more than its cause, a place more than none.
var advices = slices.Concat(outcomeAdvices, systemAdvices, causeAdvices)

var outcomeAdvices = []advice{
	{txn.ErrTorn, anywhere, "torn", "these paths need to be written again; " +
		"the record is gone, and there is nothing left to recover of it"},
	{txn.ErrIncomplete, anywhere, "incomplete", "run 'txcommit recover'; if it cannot finish either, " +
		"'txcommit status' shows the id, and 'txcommit recover --abandon ID' gives it up and keeps what is left"},
	{nil, atCleanup, "cleanup", "the change is in place, and the next run cleans up"},
	{fs.ErrExist, atStore, "journal", "when it is out of the way, run 'txcommit recover'"},
	{txn.ErrJournal, anywhere, "journal", "use a txcommit at least as new as the one that wrote the journal; " +
		"if it is broken, 'txcommit recover --rebuild' sets it aside and keeps what was staged"},
	{context.Canceled, anywhere, "interrupted", ""},
	{txn.ErrConflict, anywhere, "conflict", "look at what is there now and prepare the change again from that; " +
		"if its id was used before, choose a new one"},
	{txn.ErrBusy, anywhere, "busy", "try again when those who hold it are done ('txcommit status' names a writer, but no readers), " +
		"or wait longer with --lock-timeout"},
}

// On Windows ENOTDIR is a kind of fs.ErrNotExist.
var causeAdvices = []advice{
	{fs.ErrNotExist, atHistory, "not-found", "'txcommit history' lists what can be undone"},
	{fs.ErrNotExist, atAbandon, "not-found", "'txcommit status' lists the ids of unfinished transactions"},
	{syscall.ENOTDIR, atManifest, "not-directory", "check the folders in the name of the file"},
	{fs.ErrNotExist, atManifest, "not-found", "check the name of the file, which is relative to the working directory"},
	{syscall.EISDIR, atManifest, "is-directory", "name a file, or - for standard input"},
	{fs.ErrPermission, atManifest, "permission", "check that you may read the file"},
	{syscall.ENOTDIR, atRoot, "not-directory", "the root must be a folder: check --root"},
	{fs.ErrNotExist, atRoot, "not-found", "make the root first, or name another folder with --root"},
	{fs.ErrNotExist, atStore, "not-found", "something in .txcommit was deleted or replaced meanwhile: try again"},

	{syscall.ENOTDIR, atSync, "not-directory", "name a folder as SRC, and see that all above PATH are folders; " +
		"below PATH, --prune replaces a file by a folder"},
	{fs.ErrNotExist, atSync, "not-found", "check the name of SRC, which is relative to the working directory"},
	{syscall.EISDIR, atSync, "is-directory", "--prune replaces a folder below PATH that SRC has as a file"},

	{exec.ErrNotFound, atCommand, "not-found", "check the name of CMD; one in the working directory is called ./CMD"},
	{fs.ErrNotExist, atCommand, "not-found", "check the name of CMD, which is relative to the working directory; " +
		"if it is a script, also the interpreter in its first line"},
	{fs.ErrPermission, atCommand, "permission", "name a file that you may execute as CMD (chmod +x)"},
	{syscall.EISDIR, atCommand, "is-directory", "name a file that you may execute as CMD"},

	{txn.ErrEscapes, anywhere, "escapes", "keep paths and links inside the root; an absolute link leaves it"},
	{txn.ErrUnsupported, anywhere, "unsupported", "use a root on a local file system such as ext4, XFS or btrfs; " +
		"--allow-unsafe-fs accepts the risk of a network or FUSE file system"},

	{syscall.EPERM, anywhere, "permission", "check that you own the path and its folder, " +
		"and that none of them is immutable or append-only (lsattr)"},
	{fs.ErrPermission, anywhere, "permission", "check the owner and mode of the path and the folders above it"},
	{syscall.EROFS, anywhere, "read-only", "remount the file system for writing, or use a root on another one"},
	{syscall.ENOSPC, anywhere, "no-space", "free space or inodes on this file system (df, df -i) and try again"},
	{syscall.EDQUOT, anywhere, "no-space", "free some of your quota (quota -s) or have it raised, and try again"},
	{syscall.EXDEV, anywhere, "cross-device", "keep each rename within one mount, subvolume and project, " +
		"or make the other one a root of its own"},
	{syscall.EBUSY, anywhere, "in-use", "the path may be a mount point: unmount it, or leave it out"},
	{syscall.EISDIR, anywhere, "is-directory", "a folder has this name: choose another one, or remove the folder first"},
	{syscall.ENOTDIR, anywhere, "not-directory", "a file stands where a folder is needed: check each name in the path"},
	{syscall.ENOTEMPTY, anywhere, "not-empty", `say "recursive": true to remove a folder with all that is in it`},
	{fs.ErrNotExist, anywhere, "not-found", "check that the path, its folder and its source exist; " +
		`to remove what may be gone, say "missing": "ok"`},
	{fs.ErrExist, anywhere, "exists", "something has this name already: choose another one, or remove it first"},
	{syscall.ELOOP, anywhere, "link-loop", "check where the symbolic link leads, " +
		"or write over the link itself with --symlinks replace"},
	{syscall.ENAMETOOLONG, anywhere, "name-too-long", "use names of at most 255 bytes, and paths of at most 4,095"},
	{syscall.EMFILE, anywhere, "too-many-files", "raise the limit of open files (ulimit -n), or lower --jobs"},
	{syscall.ENFILE, anywhere, "too-many-files", "close other programs, or raise the system's limit of open files (fs.file-max)"},
	{syscall.EIO, anywhere, "io", "look for errors of the disk in the system's log (dmesg) before you try again"},

	{errCommand, anywhere, "command", ""},
	{nil, atUsage, "usage", ""},
	{nil, atManifest, "manifest", ""},
	{fs.ErrInvalid, anywhere, "invalid", ""},
	{nil, anywhere, "failed", ""},
}

// advise returns the first advice that fits err.
func advise(err error) advice {
	from := placeOf(err)
	for _, a := range advices {
		if (a.at == anywhere || a.at == from) && (a.is == nil || errors.Is(err, a.is)) {
			return a
		}
	}
	return advice{} // the last one fits everything
}
