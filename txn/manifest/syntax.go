package manifest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// fail turns an error of the decoder, met while it read the token of the given
// kind and start, into one of ours. What went wrong inside a token is reported
// at the start of the token.
func (s *scanner) fail(err error, kind jsontext.Kind, start place) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok:
		at := s.locate(int(syntax.ByteOffset - s.dec.InputOffset()))
		msg := s.explain(syntax, kind, at)
		if kind != jsontext.KindInvalid && at.offset > start.offset {
			if kind == jsontext.KindString {
				msg += fmt.Sprintf(" (at byte %d of the string)", at.offset-start.offset)
			}
			at = start
		}
		return s.errorAt(at, s.within+string(syntax.JSONPointer), msg)
	case errors.Is(err, errTooLarge):
		return &Error{Name: s.name, Msg: errTooLarge.Error()}
	case s.src.err != nil:
		return s.src.err
	}
	return s.errorAt(start, "", `text is empty; a manifest is at least {"version": 1, "ops": []}`)
}

// explain puts the decoder's message into our words where those say more.
func (s *scanner) explain(err *jsontext.SyntacticError, kind jsontext.Kind, at place) string {
	rest := s.dec.UnreadBuffer()[at.offset-s.dec.InputOffset():]
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("duplicate key %s; give it once", quote(err.JSONPointer.LastToken()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "text ends too early; complete it"
	case len(rest) == 0:
		return err.Err.Error()
	case kind == jsontext.KindString:
		return explainString(err.Err, rest)
	case rest[0] == ',':
		return "unexpected comma; remove it"
	case rest[0] == '/':
		return "unexpected '/'; JSON has no comments"
	}
	return err.Err.Error()
}

// explainString explains what is wrong at the start of rest, in a string.
func explainString(err error, rest []byte) string {
	switch {
	case isEscape(rest):
		return fmt.Sprintf("lone surrogate escape %s; JSON needs a pair", rest[:6])
	case rest[0] == '\\':
		return `unknown escape; JSON has \" \\ \/ \b \f \n \r \t and \uXXXX`
	case rest[0] < ' ':
		return fmt.Sprintf("control character %q; escape it", rest[0])
	}
	return err.Error()
}

// isEscape reports whether b starts with a whole \uXXXX.
func isEscape(b []byte) bool {
	if len(b) < 6 || string(b[:2]) != `\u` {
		return false
	}
	return strings.Trim(string(b[2:6]), "0123456789abcdefABCDEF") == ""
}
