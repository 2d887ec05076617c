package recovery

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"
)

var (
	// ErrConflict says that a path was not in the state that its op expects.
	ErrConflict = errors.New("conflict")
	// ErrIncomplete says that a transaction could be neither finished nor undone.
	ErrIncomplete = errors.New("transaction is incomplete")
	// ErrTorn says of an ErrIncomplete that nothing can be done about it any more: the record is gone.
	ErrTorn = errors.New("transaction is torn")
)

// RolledBack is returned when a transaction was undone, durably. Cause says why.
type RolledBack struct{ Cause error }

// Error returns the cause.
func (e *RolledBack) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *RolledBack) Unwrap() error { return e.Cause }

// conflict is an error about a path that matches ErrConflict.
type conflict struct{ path, why string }

// Conflict says that path is not as expected, and why. The path is empty where the caller puts it to the error.
func Conflict(path, why string) error { return &conflict{path, why} }

func (e *conflict) Error() string {
	if e.path == "" {
		return e.why
	}
	return e.path + ": " + e.why
}
func (e *conflict) Unwrap() error { return ErrConflict }

// incomplete is an error that matches ErrIncomplete; the first cause leads.
type incomplete struct{ first, then error }

// Incomplete says that a transaction is neither finished nor undone, because of first.
func Incomplete(first error) error {
	var already *incomplete
	if errors.As(first, &already) {
		return first
	}
	return &incomplete{first: first}
}

func (e *incomplete) Error() string {
	if e.then == nil {
		return fmt.Sprintf("%v: %v", ErrIncomplete, e.first)
	}
	return fmt.Sprintf("%v: %v; undoing it: %v", ErrIncomplete, e.first, e.then)
}

func (e *incomplete) Unwrap() []error {
	if e.then == nil {
		return []error{ErrIncomplete, e.first}
	}
	return []error{ErrIncomplete, e.first, e.then}
}

// torn is an error that matches ErrTorn.
type torn struct {
	id    string
	paths []string
}

func (e *torn) Error() string {
	return fmt.Sprintf("after a power loss these do not hold what transaction %s wrote with durability process: %s",
		e.id, strings.Join(e.paths, ", "))
}

func (e *torn) Unwrap() error { return ErrTorn }

// beside adds to err what was torn, which is said only once. Where recovery has to run again the error is not ErrTorn.
func beside(err, torn error) error {
	switch {
	case torn == nil:
		return err
	case errors.Is(err, ErrIncomplete):
		return fmt.Errorf("%w\n%s", err, torn.Error()) // in words only, on purpose
	}
	return errors.Join(torn, err)
}

// PathError puts the user's path to an errno. Errors that have one already are passed through.
func PathError(op, path string, err error) error {
	var pe *fs.PathError
	if err == nil || errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// bareErrno takes the errno out of an error of package os, which names a file as it was opened.
func bareErrno(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// PathErrno is PathError for errors that may be something else than an errno; those are passed through.
func PathErrno(op, path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return PathError(op, path, err)
	}
	return err
}
