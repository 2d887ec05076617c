package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// The exit codes. Scripts rely on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitChanges     = 2
	exitConflict    = 3
	exitBusy        = 4
	exitIncomplete  = 5
	exitJournal     = 6
	exitCleanup     = 7
	exitUsage       = 64
	exitInvalid     = 65
	exitInterrupted = 128 + 2
	exitTerminated  = 128 + 15
)

// place is where an error comes from, as far as that changes what it means.
type place int

const (
	anywhere   place = iota
	atUsage          // the command line
	atManifest       // reading the manifest
	atRoot           // opening the root
	atStore          // what is in .txcommit
	atAbandon        // the id to be abandoned
	atHistory        // the id of a kept transaction
	atSync           // making a folder equal to another one
	atCommand        // starting another command
	atRollback       // a step after the commit point; all was undone
	atCleanup        // after the change was in place
)

// fault is an error and the place that it comes from.
type fault struct {
	at   place
	hint string // instead of the one that the error has by itself
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// at notes where err comes from, unless that is known already. Without an error there is no fault.
func at(p place, err error) error {
	if err == nil || placeOf(err) != anywhere {
		return err
	}
	return &fault{at: p, err: err}
}

func placeOf(err error) place {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.at
	}
	return anywhere
}

// isNoFile says that a name leads to no file at all. Any other reason why it cannot be read is the system's.
func isNoFile(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// judge returns the exit code for err, and what it makes of the command. What leaves the tree unknown comes first:
// nothing may hide it. signalled is the exit code for a signal that came, 0 if none did.
func judge(err error, signalled int) (code int, result string) {
	from := placeOf(err)
	_, badManifest := errors.AsType[*manifest.Error](err)
	switch {
	case err == nil:
		return exitOK, ""
	case errors.Is(err, txn.ErrIncomplete):
		return exitIncomplete, "incomplete"
	case from == atCleanup:
		return exitCleanup, "committed"
	case errors.Is(err, txn.ErrJournal):
		return exitJournal, "corrupt"
	case signalled != 0 && errors.Is(err, context.Canceled):
		return signalled, "interrupted"
	case errors.Is(err, txn.ErrConflict):
		return exitConflict, "conflict"
	case errors.Is(err, txn.ErrBusy):
		return exitBusy, "busy"
	case from == atRollback:
		return exitFailed, "rolled-back"
	case from == atUsage:
		return exitUsage, "invalid"
	case from == atManifest && isNoFile(err), badManifest, errors.Is(err, fs.ErrInvalid):
		return exitInvalid, "invalid"
	}
	return exitFailed, "failed"
}
