package manifest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is a fault in a manifest: wrong whatever the tree holds.
type Error struct {
	Name      string // of the manifest, as given to Parse
	Line, Col int    // from 1, Col in bytes; 0 if there is no position
	Pointer   string // JSON pointer (RFC 6901); "" for the manifest as a whole
	Msg       string

	cause error // set by ErrorAt
}

// Error returns "m.json:4:17: /ops/2/mode: ...", without the parts that are
// not known. Names and pointers with control characters are quoted.
func (e *Error) Error() string {
	var parts []string
	if e.Name != "" {
		parts = append(parts, printable(e.Name))
	}
	if e.Line > 0 {
		parts = append(parts, strconv.Itoa(e.Line), strconv.Itoa(e.Col))
	}
	where := strings.Join(parts, ":")
	if where != "" {
		where += ": "
	}
	if e.Pointer != "" {
		where += printable(e.Pointer) + ": "
	}
	return where + e.Msg
}

// Unwrap returns the error that was given to [Manifest.ErrorAt], nil for
// errors of Parse.
func (e *Error) Unwrap() error { return e.cause }

// ErrorAt returns err with the position and pointer of op i, for faults that
// are found only later. The position is left out for ops that were not parsed
// from text, and the pointer too if there is no op i.
func (m *Manifest) ErrorAt(i int, err error) *Error { return m.Positions().ErrorAt(i, err) }

// Positions is what ErrorAt needs of a manifest. It is much smaller, and
// enough when the ops are in a transaction.
type Positions struct {
	name string
	ops  []struct{ line, col int32 }
}

// Positions returns the positions of the ops.
func (m *Manifest) Positions() *Positions {
	p := &Positions{name: m.Name}
	for i := range m.Ops {
		p.Add(&m.Ops[i])
	}
	return p
}

// NewPositions returns what Add adds the positions of a text's ops to.
func NewPositions(name string) *Positions { return &Positions{name: name} }

// Add adds the position of the next op.
func (p *Positions) Add(o *Op) {
	p.ops = append(p.ops, struct{ line, col int32 }{o.Line, o.Col})
}

// ErrorAt returns the same as [Manifest.ErrorAt].
func (p *Positions) ErrorAt(i int, err error) *Error {
	e := &Error{Name: p.name, Msg: err.Error(), cause: err}
	if i >= 0 && i < len(p.ops) {
		e.Line, e.Col = int(p.ops[i].line), int(p.ops[i].col)
		e.Pointer = opPointer(i)
	}
	return e
}

func opPointer(i int) string { return fmt.Sprintf("/ops/%d", i) }

// printable returns s as it is if a terminal shows it harmlessly, otherwise
// quoted, and shortened if it is absurdly long.
func printable(s string) string {
	if len(s) <= 1024 && utf8.ValidString(s) && strings.IndexFunc(s, notPrint) < 0 {
		return s
	}
	return shorten(s, 1024)
}

func notPrint(r rune) bool { return !unicode.IsPrint(r) }

// quote returns s in double quotes, shortened to what fits into a message.
func quote[T ~string | ~[]byte](s T) string { return shorten(string(s[:min(len(s), 128)]), 80) }

func shorten(s string, limit int) string {
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strconv.Quote(s[:limit]) + "..."
}
