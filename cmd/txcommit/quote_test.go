package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestQuote compares with what "git -c core.quotePath=false ls-files" shows.
func TestQuote(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a/b c.txt", "a/b c.txt"},
		{"other letters", "grüße/文書　1/👩‍💻", "grüße/文書　1/👩‍💻"},
		{"quote and backslash", `a"b\c`, `"a\"b\\c"`},
		{"C letters", "\a\b\t\n\v\f\r", `"\a\b\t\n\v\f\r"`},
		{"octal", "\x00\x01\x1b[31m\x7f", `"\000\001\033[31m\177"`},
		{"C1 control", "a\u009bb", `"a\302\233b"`},
		{"invalid UTF-8", "a\xffb", `"a\377b"`},
		{"cut UTF-8", "a\xe6\x96", `"a\346\226"`},
		{"a true replacement character", "a\ufffdb", "a\ufffdb"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := quote(tt.in); got != tt.want {
				t.Errorf("quote(%q) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

// TestPathDoc: in JSON a path is as it is where that tells all of it, and quoted else, so that no two look the same.
func TestPathDoc(t *testing.T) {
	for in, want := range map[string]string{
		"a/b":        `"a/b"`,
		"a\nb":       `"a\nb"`,
		"c:\\x":      `"c:\\x"`,
		"gr\xfc\xdf": `"\"gr\\374\\337\""`,
		`"gr\374`:    `"\"\\\"gr\\\\374\""`,
	} {
		got, err := json.Marshal(pathDoc(in))
		if err != nil || string(got) != want {
			t.Errorf("%q: got %s, %v; want %s", in, got, err, want)
		}
	}
}

// FuzzQuote: what is shown never has a control character or invalid UTF-8, and only what needs it is quoted.
func FuzzQuote(f *testing.F) {
	f.Add("a\nb")
	f.Add("\xff\"")
	f.Fuzz(func(t *testing.T, name string) {
		got := quote(name)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("quote(%q) = %q: cannot be shown", name, got)
		}
		if got != name && (!strings.HasPrefix(got, `"`) || !strings.HasSuffix(got, `"`)) {
			t.Errorf("quote(%q) = %q: changed, but not in quotes", name, got)
		}
	})
}
