// Package jsondoc edits JSON files the way a careful person does: what is not touched stays byte for byte, with its
// indentation, the order of its keys and the line break at its end.
//
//	d, err := jsondoc.Parse(text)
//	err = d.Set("^2.1.0", "dependencies", "left-pad")
//	err = d.Remove("scripts", "postinstall")
//	text = d.Bytes()
//
// A value is named by its path: the keys that lead to it, and decimal numbers for elements of arrays. No keys at all
// name the whole document. What is new looks like what is around it: a member of an object that stands on several lines
// gets a line of its own with the same indentation, one of an object on a single line does not.
//
// It knows nothing of files; see Tx.UpdateJSON in package txn for that.
package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Doc is a JSON text that can be edited. Each call reads the text as far as it must; none keeps a tree in memory.
type Doc struct {
	mark  []byte // a byte order mark, or nothing
	text  []byte // what follows it
	style style
}

// byteOrderMark is what some programs put before a text. RFC 8259, 8.1 forbids to write it, and allows to read on after it.
const byteOrderMark = "\ufeff"

// Parse returns the document in a text, which it copies. The text is one JSON value in strict JSON: duplicate keys and
// invalid UTF-8 are errors. A byte order mark before it, which npm for one accepts, is kept and otherwise ignored; where an
// error tells an offset, it counts from behind the mark.
func Parse(text []byte) (*Doc, error) {
	text = slices.Clone(text)
	mark := text[:0]
	if bytes.HasPrefix(text, []byte(byteOrderMark)) {
		mark, text = text[:len(byteOrderMark):len(byteOrderMark)], text[len(byteOrderMark):]
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	if err := dec.SkipValue(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("there is more after the value, at byte %d", dec.InputOffset())
	}
	return &Doc{mark, text, styleOf(text)}, nil
}

// Bytes returns the text as it is now.
func (d *Doc) Bytes() []byte { return slices.Concat(d.mark, d.text) }

// Get decodes the value at a path into what into points to, as encoding/json does. That nothing is there matches
// fs.ErrNotExist.
func (d *Doc) Get(into any, path ...string) error {
	at, err := d.find(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(d.text[at.start:at.end], into)
}

// Has says whether there is a value at a path.
func (d *Doc) Has(path ...string) bool {
	_, err := d.find(path)
	return err == nil
}

// Keys lists the keys of the object at a path, in their order.
func (d *Doc) Keys(path ...string) ([]string, error) {
	at, err := d.find(path)
	if err != nil {
		return nil, err
	}
	if d.text[at.start] != '{' {
		return nil, wrongKind(path, "is not an object")
	}
	var keys []string
	for _, m := range d.members(at) {
		keys = append(keys, m.key)
	}
	return keys, nil
}

// Set puts a value, encoded as encoding/json does, at a path. A value that says the same already is left as it is. A key
// that is missing becomes the last one of its object, and objects that are missing on the way are made; the element "-"
// of an array is the one after its last.
func (d *Doc) Set(value any, path ...string) error {
	at := d.whole()
	for i, key := range path {
		m, err := d.member(at, path[:i+1])
		if errors.Is(err, fs.ErrNotExist) {
			for _, k := range slices.Backward(path[i+1:]) {
				value = map[string]any{k: value}
			}
			return d.insert(at, key, value)
		}
		if err != nil {
			return err
		}
		at = m.value
	}
	return d.replace(at, value)
}

// Remove takes the value at a path away, with its key. That nothing is there matches fs.ErrNotExist; the document as a
// whole cannot be removed.
func (d *Doc) Remove(path ...string) error {
	if len(path) == 0 {
		return errors.New("the whole document cannot be removed")
	}
	at, err := d.find(path[:len(path)-1])
	if err != nil {
		return err
	}
	m, err := d.member(at, path)
	if err != nil {
		return err
	}
	all := d.members(at)
	i := slices.IndexFunc(all, func(o member) bool { return o.start == m.start })
	switch {
	case len(all) == 1:
		d.splice(span{at.start + 1, at.end - 1}, nil)
	case i == len(all)-1:
		d.splice(span{all[i-1].value.end, m.value.end}, nil)
	default:
		d.splice(span{m.start, all[i+1].start}, nil)
	}
	return nil
}

// replace puts a value in the place of another one, unless the two say the same.
func (d *Doc) replace(at span, value any) error {
	old := jsontext.Value(d.text[at.start:at.end])
	s := d.style
	if container(old) && len(d.members(at)) > 0 && !d.manyLines(at) {
		s = s.inline()
	}
	text, err := s.encode(value, d.indentAt(at.start))
	if err != nil {
		return err
	}
	if same(old, text) {
		return nil
	}
	d.splice(at, text)
	return nil
}

// insert adds a member to an object, or an element to an array.
func (d *Doc) insert(at span, key string, value any) error {
	all := d.members(at)
	s, lines := d.style, d.style.indent != ""
	if len(all) > 0 {
		lines = d.manyLines(at)
	}
	if !lines {
		s = s.inline()
	}
	outer := d.indentAt(at.start)
	inner := outer + s.indent
	if len(all) > 0 {
		inner = d.indentAt(all[0].start)
	}
	text, err := s.encode(value, inner)
	if err != nil {
		return err
	}
	if d.text[at.start] == '{' {
		name, err := jsontext.AppendQuote(nil, key)
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		text = slices.Concat(name, []byte(s.colon), text)
	}
	before, after := s.newline+inner, s.newline+outer
	if !lines {
		before, after = "", ""
	}
	switch {
	case len(all) == 0:
		d.splice(span{at.start + 1, at.end - 1}, slices.Concat([]byte(before), text, []byte(after)))
	case lines:
		end := all[len(all)-1].value.end
		d.splice(span{end, end}, slices.Concat([]byte(","+before), text))
	default:
		end := all[len(all)-1].value.end
		d.splice(span{end, end}, slices.Concat([]byte(s.comma), text))
	}
	return nil
}

func (d *Doc) splice(at span, text []byte) {
	d.text = slices.Replace(d.text, at.start, at.end, text...)
}

// same says that two values are equal but for white space, the order of keys and the way they are spelt.
func same(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b) && !hasBigNumbers(a)
}

// hasBigNumbers says that a canonical value has numbers that may have lost digits by becoming canonical.
func hasBigNumbers(v jsontext.Value) bool {
	digits := 0
	for _, c := range v {
		if digits++; c < '0' || c > '9' {
			digits = 0
		}
		if digits > 15 {
			return true
		}
	}
	return false
}

func container(v jsontext.Value) bool { return v[0] == '{' || v[0] == '[' }

func missing(path []string) error {
	return fmt.Errorf("%s: %w", pointer(path), fs.ErrNotExist)
}

func wrongKind(path []string, is string) error {
	return fmt.Errorf("%s: %s", pointer(path), is)
}

// pointer is a path as a JSON pointer (RFC 6901), for messages.
func pointer(path []string) string {
	p := jsontext.Pointer("")
	for _, key := range path {
		p = p.AppendToken(key)
	}
	if p == "" {
		return "the document"
	}
	return strconv.Quote(strings.ToValidUTF8(string(p), "\ufffd"))
}
