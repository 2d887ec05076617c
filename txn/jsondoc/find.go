package jsondoc

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// span is a piece of the text.
type span struct{ start, end int }

// member is a member of an object, or an element of an array, where start is that of the value.
type member struct {
	start int // of the key
	key   string
	value span
}

// whole is the span of the outermost value.
func (d *Doc) whole() span {
	const space = " \t\r\n"
	start := len(d.text) - len(bytes.TrimLeft(d.text, space))
	return span{start, len(bytes.TrimRight(d.text, space))}
}

// find returns the span of the value at a path.
func (d *Doc) find(path []string) (span, error) {
	at := d.whole()
	for i := range path {
		m, err := d.member(at, path[:i+1])
		if err != nil {
			return at, err
		}
		at = m.value
	}
	return at, nil
}

// member returns the member of a value that the last key of a path names.
func (d *Doc) member(at span, path []string) (member, error) {
	key := path[len(path)-1]
	switch d.text[at.start] {
	case '{':
	case '[':
		if n, err := strconv.ParseUint(key, 10, 31); key != "-" && (err != nil || strconv.FormatUint(n, 10) != key) {
			return member{}, wrongKind(path, "an element of an array is named by its number, from 0")
		}
	default:
		return member{}, wrongKind(path[:len(path)-1], "is neither an object nor an array")
	}
	all := d.members(at)
	for _, m := range all {
		if m.key == key {
			return m, nil
		}
	}
	if d.text[at.start] == '[' && key != "-" && key != strconv.Itoa(len(all)) {
		return member{}, wrongKind(path, "the array has only "+strconv.Itoa(len(all))+" elements")
	}
	return member{}, missing(path)
}

// members lists the members of an object or the elements of an array, the keys of which are their numbers. The text is
// valid: nothing can go wrong.
func (d *Doc) members(at span) []member {
	text := d.text[at.start:at.end]
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	open, _ := dec.ReadToken()
	object := open.Kind() == '{'
	next := func() int {
		dec.PeekKind()
		rest := text[dec.InputOffset():]
		return at.end - len(bytes.TrimLeft(rest, " \t\r\n,:"))
	}
	var all []member
	for n := 0; dec.PeekKind() != '}' && dec.PeekKind() != ']'; n++ {
		m := member{start: next(), key: strconv.Itoa(n)}
		if object {
			name, _ := dec.ReadToken()
			m.key = name.String()
		}
		m.value.start = next()
		_ = dec.SkipValue()
		m.value.end = at.start + int(dec.InputOffset())
		all = append(all, m)
	}
	return all
}
