package main

import (
	"strings"
	"testing"
)

// TestAsksForJSON checks that JSON is found in command lines that cobra has given up on.
func TestAsksForJSON(t *testing.T) {
	tests := []struct {
		args string
		want bool
	}{
		{"", false},
		{"apply --bad -o json", true},
		{"--bad -ojson", true},
		{"--bad -o=json", true},
		{"--bad -qo json", true},
		{"--bad --output json", true},
		{"--bad --output=json", true},
		{"--bad -o text", false},
		{"-o json --bad -o text", false},
		{"--bad -o", false},
		{"--bad -- -o json", false},
		{"--bad -Cfoo json", false},
		{"--bad --outputs=json", false},
	}
	for _, tt := range tests {
		if got := asksForJSON(strings.Fields(tt.args)); got != tt.want {
			t.Errorf("asksForJSON(%q) = %v, want %v", tt.args, got, tt.want)
		}
	}
}

// TestExactly checks how missing, empty and surplus arguments are named.
func TestExactly(t *testing.T) {
	tests := []struct {
		args []string
		want string // none: accepted
	}{
		{[]string{"a", "b"}, ""},
		{nil, "SRC: missing argument"},
		{[]string{"a"}, "PATH: missing argument"},
		{[]string{"", "b"}, "SRC: argument is empty"},
		{[]string{"a", "b", "c\n"}, `"c\n": unexpected argument`},
	}
	for _, tt := range tests {
		got := ""
		if err := exactly("SRC", "PATH")(nil, tt.args); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("exactly(SRC, PATH)(%q) = %q, want %q", tt.args, got, tt.want)
		}
	}
}
