package manifest

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Encode writes m as version 1 JSON, one op a line, such that Parse returns m
// again but for names and positions.
//
// m must hold what Parse could have returned; Encode checks only that its ops
// have a kind and its strings are UTF-8, as JSON carries no others. Contents
// that are not UTF-8 are written as base64; nil content without a Source
// counts as empty.
func (m *Manifest) Encode(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	head := line{buf: []byte(`{"version": 1`)}
	head.text("id", m.ID)
	head.text("message", m.Message)
	if head.err != nil {
		return head.err
	}
	head.buf = append(head.buf, `, "ops": [`...)
	if _, err := out.Write(head.buf); err != nil {
		return err
	}
	if err := encodeOps(out, m.Ops); err != nil {
		return err
	}
	if _, err := out.WriteString("]}\n"); err != nil {
		return err
	}
	return out.Flush()
}

func encodeOps(out *bufio.Writer, ops []Op) error {
	var l line
	end := "\n"
	for i := range ops {
		l.buf = append(append(l.buf[:0], end...), "  {"...)
		end = ",\n"
		l.op(&ops[i])
		if l.err != nil {
			return fmt.Errorf("%s: %w", opPointer(i), l.err)
		}
		if _, err := out.Write(append(l.buf, '}')); err != nil {
			return err
		}
	}
	return nil
}

// line puts together the members of an object; members with zero values are
// left out. After an error the buffer is of no use.
type line struct {
	buf []byte
	err error
}

func (l *line) op(op *Op) {
	if !op.Kind.valid() {
		l.err = fmt.Errorf("%s: unknown kind of op", op.Kind)
		return
	}
	l.text("op", op.Kind.String())
	l.text("path", op.Path)
	l.text("from", op.From)
	l.text("to", op.To)
	l.content(op)
	l.text("target", op.Target)
	l.text("mode", op.Mode.String())
	if op.SHA256 != nil {
		l.text("sha256", hex.EncodeToString(op.SHA256[:]))
	}
	l.text("format", op.Format)
	l.text("schema", op.Schema)
	l.flag("recursive", op.Recursive)
	l.word("missing", "ok", op.MissingOK)
	l.flag("replace", op.Replace)
	l.flag("prune", op.Prune)
	l.list("exclude", op.Exclude)
	l.flag("move", op.Move)
	l.flag("times", op.Times)
	l.expect(op.Expect)
	l.word("parents", "require", op.RequireParents)
}

func (l *line) content(op *Op) {
	switch {
	case op.Kind != Write || op.Source != "":
		l.text("source", op.Source)
	case utf8.Valid(op.Content):
		l.key("content")
		appendString(l, op.Content)
	default:
		l.key("base64")
		l.buf = append(l.buf, '"')
		l.buf = base64.StdEncoding.AppendEncode(l.buf, op.Content)
		l.buf = append(l.buf, '"')
	}
}

func (l *line) expect(e Expect) {
	l.word("expect", "absent", e.State == ExpectAbsent)
	l.word("expect", "present", e.State == ExpectPresent)
	if e.State == ExpectSHA256 {
		l.key("expect")
		l.buf = fmt.Appendf(l.buf, `{"sha256": "%x"}`, e.SHA256)
	}
}

func (l *line) list(key string, values []string) {
	if len(values) == 0 {
		return
	}
	l.key(key)
	l.buf = append(l.buf, '[')
	for i, v := range values {
		if i > 0 {
			l.buf = append(l.buf, ", "...)
		}
		appendString(l, v)
	}
	l.buf = append(l.buf, ']')
}

func (l *line) flag(key string, set bool) {
	if set {
		l.key(key)
		l.buf = append(l.buf, "true"...)
	}
}

// word writes the value that stands for true in a choice.
func (l *line) word(key, value string, set bool) {
	if set {
		l.text(key, value)
	}
}

func (l *line) text(key, value string) {
	if value != "" {
		l.key(key)
		appendString(l, value)
	}
}

// key starts a member. Keys are ours and need no escapes.
func (l *line) key(key string) {
	if l.buf[len(l.buf)-1] != '{' {
		l.buf = append(l.buf, ", "...)
	}
	l.buf = append(l.buf, '"')
	l.buf = append(l.buf, key...)
	l.buf = append(l.buf, `": `...)
}

func appendString[T ~string | ~[]byte](l *line, value T) {
	out, err := jsontext.AppendQuote(l.buf, value)
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("%s: not UTF-8, which JSON cannot carry", quote(value))
	}
	l.buf = out
}
