package jsondoc

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// style is how a text is laid out, as far as what is new has to look like it.
type style struct {
	indent  string // of one level; "" on a single line
	newline string
	colon   string
	comma   string // between members on one line
}

// styleOf looks at the first members of a text. One that does not show it is laid out with two spaces a level.
func styleOf(text []byte) style {
	d := &Doc{text: text}
	s := style{indent: "  ", newline: "\n", colon: ": ", comma: ", "}
	if bytes.Contains(text, []byte("\r\n")) {
		s.newline = "\r\n"
	}
	at := d.whole()
	if !container(text[at.start:at.end]) {
		return s
	}
	all := d.members(at)
	if len(all) == 0 {
		return s
	}
	s.indent = ""
	if d.manyLines(at) {
		s.indent = strings.TrimPrefix(d.indentAt(all[0].start), d.indentAt(at.start))
		if s.indent == "" {
			s.indent = "  " // lines without indentation: nothing to be seen
		}
	}
	if first := all[0]; text[at.start] == '{' && text[first.value.start-1] == ':' {
		s.colon = ":"
	}
	if s.indent == "" && (len(all) > 1 && text[all[1].start-1] == ',' || len(all) == 1 && s.colon == ":") {
		s.comma = ","
	}
	return s
}

func (s style) inline() style {
	s.indent = ""
	return s
}

// encode returns a value as it stands in a line with the given indentation.
func (s style) encode(value any, indent string) (jsontext.Value, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	text := jsontext.Value(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	o := []jsontext.Options{jsontext.SpaceAfterColon(s.colon != ":"), jsontext.Multiline(s.indent != "")}
	if s.indent != "" {
		o = append(o, jsontext.WithIndent(s.indent), jsontext.WithIndentPrefix(indent))
	} else {
		o = append(o, jsontext.SpaceAfterComma(s.comma != ","))
	}
	if err := text.Format(o...); err != nil || s.newline == "\n" {
		return text, err
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte(s.newline)), nil // in strings it is escaped
}

// manyLines says that the first member of a container stands on another line than its brace.
func (d *Doc) manyLines(at span) bool {
	all := d.members(at)
	return len(all) > 0 && bytes.IndexByte(d.text[at.start:all[0].start], '\n') >= 0
}

// indentAt returns the white space at the start of the line that a byte is in.
func (d *Doc) indentAt(offset int) string {
	line := d.text[bytes.LastIndexByte(d.text[:offset], '\n')+1 : offset]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
