package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quote returns name as it is or, if it has control bytes, quotes, backslashes or invalid UTF-8, as git shows it with
// core.quotePath=false: in double quotes, with C escapes and three octal digits for a byte.
func quote(name string) string {
	if !strings.ContainsFunc(name, mustQuote) && utf8.ValidString(name) {
		return name
	}
	return `"` + escapeFunc(name, mustQuote) + `"`
}

// pathDoc is a path in JSON, which cannot carry all bytes: one that is not UTF-8 is quoted, and so that every quote at
// the beginning is one of ours, one that begins with a quote. No two paths look the same.
type pathDoc string

// MarshalText returns the path as it is shown.
func (p pathDoc) MarshalText() ([]byte, error) {
	if s := string(p); strings.HasPrefix(s, `"`) || !utf8.ValidString(s) {
		return []byte(quote(s)), nil
	}
	return []byte(p), nil
}

func pathDocs(paths []string) []pathDoc {
	docs := make([]pathDoc, len(paths))
	for i, p := range paths {
		docs[i] = pathDoc(p)
	}
	return docs
}

// escape makes text fit for one line of a terminal: control bytes and invalid UTF-8 are escaped as in quote.
func escape(text string) string {
	return escapeFunc(text, unicode.IsControl)
}

func mustQuote(r rune) bool { return r == '"' || r == '\\' || unicode.IsControl(r) }

// escapeFunc escapes invalid UTF-8 and each rune for which special is true.
func escapeFunc(s string, special func(rune) bool) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if special(r) || r == utf8.RuneError && n == 1 {
			escapeBytes(&b, s[:n])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// letters are the control bytes from \a to \r that C has letters for.
const letters = "abtnvfr"

func escapeBytes(b *strings.Builder, s string) {
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= '\a' && c <= '\r':
			b.WriteByte('\\')
			b.WriteByte(letters[c-'\a'])
		default:
			fmt.Fprintf(b, `\%03o`, c)
		}
	}
}
