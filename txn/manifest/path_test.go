package manifest

import (
	"strings"
	"testing"
)

func TestCleanPath(t *testing.T) {
	name255 := strings.Repeat("é", 127) + "x"
	path4095 := strings.Repeat("0123456/", 511) + "0123456"
	for _, tt := range []struct {
		path     string
		allowDot bool
		want     string // "" if the path is refused
	}{
		{"a", false, "a"},
		{"./x", false, "x"},
		{"a//b/./c/", false, "a/b/c"},
		{"...", false, "..."},
		{"..a/b..", false, "..a/b.."},
		{" ", false, " "},
		{`a\..\b`, false, `a\..\b`},
		{"a\xff\n", false, "a\xff\n"},
		{".txcommit2/.TXCOMMIT", false, ".txcommit2/.TXCOMMIT"},
		{"a/" + name255, false, "a/" + name255},
		{path4095, false, path4095},
		{"./" + path4095 + "//", false, path4095},
		{".", true, "."},
		{".//./", true, "."},
		{"./a", true, "a"},
		{".", false, ""},
		{"././", false, ""},
		{"", true, ""},
		{"/", true, ""},
		{"//a", true, ""},
		{"..", true, ""},
		{"a/..", true, ""},
		{"a/../b", true, ""},
		{"a/b/../../../c", true, ""},
		{"a\x00", true, ""},
		{".txcommit", true, ""},
		{"a/./.txcommit/", true, ""},
		{"a/.txcommit/b", true, ""},
		{name255 + "x", true, ""},
		{path4095 + "x", true, ""},
	} {
		got, err := CleanPath(tt.path, tt.allowDot)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("CleanPath(%q, %v) = %q, %v; want %q", tt.path, tt.allowDot, got, err, tt.want)
		}
		if err != nil && strings.ContainsFunc(err.Error(), notPrint) {
			t.Errorf("CleanPath(%q, %v): error %q cannot be printed", tt.path, tt.allowDot, err)
		}
	}
}

// Messages stay short and whole, however long the thing is that they quote.
func TestQuote(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"a\"b", `"a\"b"`},
		{strings.Repeat("x", 80), `"` + strings.Repeat("x", 80) + `"`},
		{strings.Repeat("x", 79) + "éé", `"` + strings.Repeat("x", 79) + `"...`},
		{strings.Repeat("\xbf", 1000), `""...`},
	} {
		if got := quote(tt.in); got != tt.want {
			t.Errorf("quote(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
	if got := printable(strings.Repeat("y", 2000)); got != `"`+strings.Repeat("y", 1024)+`"...` {
		t.Errorf("printable of 2000 bytes has %d", len(got))
	}
}

func TestSuggest(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"path", `did you mean "path"?`},
		{"PATH", `did you mean "path"?`},
		{"pathes", `did you mean "path"?`},
		{"pt", `did you mean "path"?`},
		{"expected", `did you mean "expect"?`},
		{"xy", "have op, path, expect"},
		{"directories", "have op, path, expect"},
		{"", "have op, path, expect"},
		{"o", `did you mean "op"?`},
	} {
		if got := suggest(tt.word, "have", []string{"op", "path", "expect"}); got != tt.want {
			t.Errorf("suggest(%q) = %s, want %s", tt.word, got, tt.want)
		}
	}
}
