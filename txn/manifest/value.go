package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const wantDigest = "64 hex digits"

// textField returns a reader of strings that are checked elsewhere or not at all.
func textField(want string, dst func(*Op) *string) func(*opReader) error {
	return func(r *opReader) (err error) {
		*dst(&r.op), _, err = r.text(want)
		return err
	}
}

// fileField returns a reader of names of files that may lie anywhere.
func fileField(dst func(*Op) *string) func(*opReader) error {
	return func(r *opReader) error {
		name, at, err := r.text("the name of a file")
		switch {
		case err != nil:
			return err
		case name == "":
			return r.errorf(at, `"": name is empty; give that of a file`)
		case strings.IndexByte(name, 0) >= 0:
			return r.errorf(at, "%s: name has a NUL byte; remove it", quote(name))
		}
		*dst(&r.op) = name
		return nil
	}
}

// flagField returns a reader of booleans.
func flagField(dst func(*Op) *bool) func(*opReader) error {
	return func(r *opReader) error {
		kind := r.peek()
		if kind != 't' && kind != 'f' {
			return r.mismatch("true or false")
		}
		*dst(&r.op) = kind == 't'
		_, _, err := r.token()
		return err
	}
}

// choiceField returns a reader of strings that stand for false and true.
func choiceField(no, yes string, dst func(*Op) *bool) func(*opReader) error {
	want := fmt.Sprintf("%q or %q", no, yes)
	return func(r *opReader) error {
		word, at, err := r.text(want)
		switch {
		case err != nil:
			return err
		case word != no && word != yes:
			return r.errorf(at, "expected %s, got %s", want, quote(word))
		}
		*dst(&r.op) = word == yes
		return nil
	}
}

func (r *opReader) readKind() error {
	word, at, err := r.text("the name of an op")
	if err != nil {
		return err
	}
	for k := Write; k <= Tree; k++ {
		if word == k.String() {
			r.op.Kind = k
			return nil
		}
	}
	return r.errorf(at, "unknown op %s; %s", quote(word), suggest(word, "it is one of", kindNames[Write:]))
}

func (r *opReader) readContent() error {
	val, _, err := r.raw("the content as a string")
	if err != nil {
		return err
	}
	r.op.Content = unquoteCopy(val)
	return nil
}

func (r *opReader) readBase64() error {
	val, at, err := r.raw("the content as a base64 string")
	if err != nil {
		return err
	}
	r.op.Content, err = decodeBase64(unquote(val))
	if err != nil {
		return r.errorf(at, "%s", err)
	}
	return nil
}

// decodeBase64 decodes RFC 4648 §4 without the leniency that the RFC leaves to
// its users: encoding/base64 skips line breaks even when strict.
func decodeBase64(text []byte) ([]byte, error) {
	const rule = "is not base64; expected A-Z a-z 0-9 + / padded with = and no line breaks (RFC 4648 §4)"
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		return nil, fmt.Errorf("byte %d %s", i, rule)
	}
	if len(text)%4 != 0 {
		return nil, fmt.Errorf("base64 has %d bytes, no multiple of 4; pad it with =", len(text))
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if at, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return nil, fmt.Errorf("byte %d %s", int64(at), rule)
	}
	return out[:n], err
}

func (r *opReader) readTarget() error {
	target, at, err := r.text("what the link points to")
	switch {
	case err != nil:
		return err
	case target == "":
		return r.errorf(at, `"": target is empty; say what the link points to`)
	case strings.IndexByte(target, 0) >= 0:
		return r.errorf(at, "%s: target has a NUL byte; remove it", quote(target))
	case len(target) > maxPath:
		return r.errorf(at, "%s: target has %d bytes; shorten it to %d", quote(target), len(target), maxPath)
	}
	r.op.Target = target
	return nil
}

func (r *opReader) readMode() error {
	const want = `an octal mode like "0755"`
	digits, at, err := r.text(want)
	if err != nil {
		return err
	}
	bits, err := strconv.ParseUint(digits, 8, 16)
	if err != nil || bits > modeBits || len(digits) > len("07777") {
		return r.errorf(at, `expected %s, up to "07777", got %s`, want, quote(digits))
	}
	r.op.Mode = ModeOf(uint32(bits))
	return nil
}

func (r *opReader) readSHA256() error {
	sum, err := r.digest()
	r.op.SHA256 = &sum
	return err
}

func (r *opReader) digest() (sum [32]byte, err error) {
	digits, at, err := r.text(wantDigest)
	if err != nil {
		return sum, err
	}
	if len(digits) != hex.EncodedLen(len(sum)) {
		return sum, r.errorf(at, "expected %s, got %d bytes", wantDigest, len(digits))
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return sum, r.errorf(at, "expected %s, got %s", wantDigest, quote(digits))
	}
	return sum, nil
}

func (r *opReader) readFormat() error {
	format, at, err := r.text(`"json"`)
	switch {
	case err != nil:
		return err
	case format != "json":
		return r.errorf(at, `expected "json", the only format, got %s`, quote(format))
	}
	r.op.Format = format
	return nil
}

func (r *opReader) readExclude() error {
	if _, err := r.begin('[', "an array of globs"); err != nil {
		return err
	}
	for r.peek() != ']' {
		glob, at, err := r.text("a glob")
		switch {
		case err != nil:
			return err
		case glob == "" || !doublestar.ValidatePattern(glob):
			return r.errorf(at, `%s: not a doublestar glob; expected one like "**/*.map"`, quote(glob))
		}
		r.op.Exclude = append(r.op.Exclude, glob)
	}
	return r.end()
}

func (r *opReader) readExpect() error {
	const want = `"absent", "present" or {"sha256": ...}`
	if r.peek() == '{' {
		return r.readExpectedDigest()
	}
	word, at, err := r.text(want)
	if err != nil {
		return err
	}
	switch word {
	case "absent":
		r.op.Expect.State = ExpectAbsent
	case "present":
		r.op.Expect.State = ExpectPresent
	default:
		return r.errorf(at, "expected %s, got %s", want, quote(word))
	}
	return nil
}

func (r *opReader) readExpectedDigest() error {
	open, err := r.begin('{', "")
	if err != nil {
		return err
	}
	for r.peek() != '}' {
		key, at, err := r.key()
		if err != nil {
			return err
		}
		if string(key) != "sha256" {
			return r.errorf(at, "unknown key %s; %s", quote(key), suggest(string(key), "expect has", []string{"sha256"}))
		}
		if r.op.Expect.SHA256, err = r.digest(); err != nil {
			return err
		}
		r.op.Expect.State = ExpectSHA256
	}
	if err := r.end(); err != nil {
		return err
	}
	if r.op.Expect.State == ExpectNothing {
		return r.errorf(open, `expect needs the key "sha256"; add it`)
	}
	return nil
}
