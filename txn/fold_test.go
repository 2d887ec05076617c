package txn

import "testing"

// TestFolded has names that some file system takes for one, and names that none does.
func TestFolded(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"Makefile", "makefile", true},
		{"stra\u00dfe", "STRASSE", true},
		{"caf\u00e9", "CAFE\u0301", true},
		{"\u03a3\u03c2", "\u03c3\u03c3", true},
		{".tx\u200dcommit", ".txcommit", true},
		{"a", "b", false},
		{"caf\u00e9", "cafe", false},
		{"\u4e00", "\u4e01", false},
		{"a\xff", "a\xfe", false},
		{"a\xff", "A\xff", false},
	} {
		if got := folded(tt.a) == folded(tt.b); got != tt.same {
			t.Errorf("%q and %q: the same is %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
}
