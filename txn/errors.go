package txn

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// The sentinels of this package. They match with the standard library's errors.Is. Ops that are wrong whatever the
// tree holds (a clash of two ops, a path with "..") match fs.ErrInvalid; what the operating system said stays
// reachable (fs.ErrPermission, syscall.ENOSPC, *fs.PathError with the user's path).
var (
	// ErrConflict says that a path was not in the state that its op expects, or that an id was used for other ops.
	// The tree is as it was.
	ErrConflict = recovery.ErrConflict
	// ErrBusy says that the store was held by others for longer than the lock timeout. The tree is as it was.
	ErrBusy = errors.New("store is busy")
	// ErrIncomplete says that a transaction could be neither finished nor undone. The journal keeps everything;
	// the next Open tries first.
	ErrIncomplete = recovery.ErrIncomplete
	// ErrTorn says, beside ErrIncomplete, that a power loss took part of a transaction of level process. It is said once:
	// the record is gone, and what the paths held must be written again.
	ErrTorn = recovery.ErrTorn
	// ErrTxDone is returned by every use of a Tx after Commit or Rollback.
	ErrTxDone = errors.New("transaction has already been committed or rolled back")
	// ErrClosed is returned by every use of a closed Store.
	ErrClosed = errors.New("store is closed")
	// ErrEscapes says that a path leads outside the root.
	ErrEscapes = errors.New("path leads outside the root")
	// ErrUnsupported says that the platform or the file system lacks something that the transaction needs.
	ErrUnsupported = fsys.ErrUnsupported
	// ErrJournal says that the journal cannot be read, or is of a newer format. Nothing was touched.
	ErrJournal = journal.ErrJournal
)

// Error is what went wrong with one op.
type Error struct {
	// Op is the index of the op in the order in which the ops were added.
	Op int
	// Path is the user's path, relative to the root.
	Path string
	// Err is the cause.
	Err error
}

// Error returns the cause, led by the path unless the cause names it by itself.
func (e *Error) Error() string {
	var pe interface{ Timeout() bool }
	if errors.As(e.Err, &pe) { // an *fs.PathError or *os.LinkError carries the path
		return e.Err.Error()
	}
	if cause := e.Err.Error(); strings.HasPrefix(cause, strconv.Quote(e.Path)+": ") {
		return cause
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// RecoveryError is what Open, View and their kin return when a recovery failed that had ended transactions before.
type RecoveryError struct {
	// Report tells what was done.
	Report Report
	// Err is the cause.
	Err error
}

// Error returns the cause.
func (e *RecoveryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RecoveryError) Unwrap() error { return e.Err }

// invalid is an error that matches fs.ErrInvalid without saying so twice.
type invalid struct{ error }

func (e invalid) Unwrap() []error { return []error{e.error, fs.ErrInvalid} }

// invalidf makes an error that matches fs.ErrInvalid: the op is wrong whatever the tree holds.
func invalidf(format string, args ...any) error { return invalid{errors.Newf(format, args...)} }

// missing is an error that matches fs.ErrNotExist without talking of a file.
type missing struct{ error }

func (e missing) Unwrap() []error { return []error{e.error, fs.ErrNotExist} }
