package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// place is a position in the text.
type place struct {
	line      int32
	lineStart int64 // offset of the line's first byte
	offset    int64
}

// col fits: no manifest has more than 1 GiB.
func (p place) col() int32 { return int32(p.offset-p.lineStart) + 1 }

// scanner reads JSON tokens and knows where each of them starts.
//
// It never looks back: between two tokens there are only white space, commas
// and colons, and JSON allows a line break nowhere else, so that the line of a
// token follows from that of the token before it and the bytes in between,
// which the decoder still holds.
type scanner struct {
	name string
	src  *source
	dec  *jsontext.Decoder
	last place // start of the last token that was read

	within string // the pointer of what is read as a value of its own
}

func newScanner(name string, r io.Reader, limit int64) (*scanner, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if start, _ := in.Peek(3); len(start) >= 2 {
		if msg := checkEncoding(start); msg != "" {
			return nil, &Error{Name: name, Line: 1, Col: 1, Msg: msg}
		}
	}
	src := &source{r: in, left: limit}
	return &scanner{name: name, src: src, dec: jsontext.NewDecoder(src), last: place{line: 1}}, nil
}

func checkEncoding(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		return "text starts with a byte order mark; save it as UTF-8 without BOM"
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return "text is UTF-16; save it as UTF-8 without BOM"
	}
	return ""
}

func (s *scanner) peek() jsontext.Kind { return s.dec.PeekKind() }

// token reads one token; composite values are read piece by piece.
func (s *scanner) token() (jsontext.Token, place, error) {
	kind, at := s.ahead()
	tok, err := s.dec.ReadToken()
	if err != nil {
		return tok, at, s.fail(err, kind, at)
	}
	s.last = at
	return tok, at, nil
}

// ahead returns kind and start of the next token without reading it.
func (s *scanner) ahead() (jsontext.Kind, place) {
	kind := s.dec.PeekKind()
	unread := s.dec.UnreadBuffer()
	n := len(unread) - len(bytes.TrimLeft(unread, " \t\r\n,:"))
	return kind, s.locate(n)
}

// locate returns the place n bytes after the end of the last token. There
// must be no more than white space, delimiters and part of a token between.
func (s *scanner) locate(n int) place {
	end := s.dec.InputOffset()
	between := s.dec.UnreadBuffer()[:n]
	at := place{s.last.line, s.last.lineStart, end + int64(n)}
	if i := bytes.LastIndexByte(between, '\n'); i >= 0 {
		at.line += int32(bytes.Count(between, []byte{'\n'}))
		at.lineStart = end + int64(i) + 1
	}
	return at
}

// raw reads one string and returns it as it stands in the text, with quotes;
// it is valid until the next token is looked at. want says what was expected.
func (s *scanner) raw(want string) (jsontext.Value, place, error) {
	kind, at := s.ahead()
	if kind != jsontext.KindString {
		return nil, at, s.mismatch(want)
	}
	val, err := s.dec.ReadValue()
	if err != nil {
		return nil, at, s.fail(err, kind, at)
	}
	s.last = at
	return val, at, nil
}

// text reads one string.
func (s *scanner) text(want string) (string, place, error) {
	val, at, err := s.raw(want)
	if err != nil {
		return "", at, err
	}
	return string(unquote(val)), at, nil
}

// key reads the name of an object's member; valid as long as raw is.
func (s *scanner) key() ([]byte, place, error) {
	val, at, err := s.raw("a key in double quotes")
	if err != nil {
		return nil, at, err
	}
	return unquote(val), at, nil
}

// unquote returns what a string says, without copying it if that can be.
func unquote(val jsontext.Value) []byte {
	if bytes.IndexByte(val, '\\') < 0 {
		return val[1 : len(val)-1]
	}
	return unquoteCopy(val)
}

// unquoteCopy returns what a string says; never nil. The decoder has checked
// val, so there is nothing left that could be wrong with it.
func unquoteCopy(val jsontext.Value) []byte {
	b, _ := jsontext.AppendUnquote(make([]byte, 0, len(val)), val) // with less it takes another one, twice as large
	return b
}

// begin reads the delimiter that opens an object or array.
func (s *scanner) begin(kind jsontext.Kind, want string) (place, error) {
	next, at := s.ahead()
	if next != kind {
		return at, s.mismatch(want)
	}
	_, _, err := s.token()
	return at, err
}

// end reads the delimiter that closes what begin opened.
func (s *scanner) end() error {
	_, _, err := s.token()
	return err
}

// skip reads over one value.
func (s *scanner) skip() error {
	depth := s.dec.StackDepth()
	for {
		if _, _, err := s.token(); err != nil {
			return err
		}
		if s.dec.StackDepth() == depth {
			return nil
		}
	}
}

// mismatch reads the token ahead, which is not what was wanted, and says so.
func (s *scanner) mismatch(want string) error {
	tok, at, err := s.token()
	if err != nil {
		return err
	}
	return s.errorf(at, "expected %s, got %s", want, describe(tok.Kind()))
}

// errorf returns an error about the value or key that was read last.
func (s *scanner) errorf(at place, format string, args ...any) error {
	return s.errorAt(at, s.within+string(s.dec.StackPointer()), fmt.Sprintf(format, args...))
}

func (s *scanner) errorAt(at place, pointer, msg string) error {
	return &Error{Name: s.name, Line: int(at.line), Col: int(at.col()), Pointer: pointer, Msg: msg}
}

func describe(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindFalse, jsontext.KindTrue:
		return "a boolean"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindBeginArray:
		return "an array"
	}
	return "an object"
}

var errTooLarge = errors.New("text is larger than 1 GiB; put large contents into files and name them as source")

// source reads up to a limit and remembers why it could not go on.
type source struct {
	r    io.Reader
	left int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil && err != io.EOF { // io.Reader promises io.EOF itself
		s.err = err
	}
	return n, err
}
