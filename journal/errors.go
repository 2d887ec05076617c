package journal

import (
	"fmt"
	"runtime/debug"

	"github.com/cockroachdb/errors"
)

// ErrJournal says that the journal cannot be read: it is damaged, or of a newer format. Nothing was touched.
var ErrJournal = errors.New("journal cannot be read")

// unreadable is an error that matches ErrJournal and keeps its cause.
type unreadable struct{ cause error }

func (e *unreadable) Error() string   { return ErrJournal.Error() + ": " + e.cause.Error() }
func (e *unreadable) Unwrap() []error { return []error{ErrJournal, e.cause} }

// Unreadable wraps a cause so that it matches ErrJournal.
func Unreadable(cause error) error { return &unreadable{cause} }

func damaged(format string, args ...any) error { return &unreadable{fmt.Errorf(format, args...)} }

// guarded runs code over a file that may be damaged. A panic of bbolt, or a fault in its memory map because the file is
// shorter than it says, becomes ErrJournal.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged("%v", p)
		}
	}()
	return f()
}
