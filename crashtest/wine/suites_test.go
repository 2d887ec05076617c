//go:build linux && wine

package wine

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// TestSuites runs the tests that packages have for Windows. least is how many of them there must be.
func TestSuites(t *testing.T) {
	sandbox.Need(t, wine)
	module, err := bin.Module()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		pkg   string
		least int
		skips string // tests that are about what Windows does not have
	}{
		{"internal/fsys", 10, "^$"},
		{"journal", 25, "^TestFlippedBits$"}, // takes a minute and a half, and is about bytes only
		{"txn/manifest", 20, "^(TestParseMemory|FuzzParse)$"},
		{"txn", 12, "^Example"},
		{"txn/doctor", 1, "^$"},
		{"cmd/txcommit", 20, "^(TestSignals|TestReadme)$"},
	} {
		t.Run(s.pkg, func(t *testing.T) {
			exe, err := build(strings.ReplaceAll(s.pkg, "/", "-"), "test", "-c", "./"+s.pkg)
			if err != nil {
				t.Fatal(err)
			}
			cmd := command(wine64, exe, "-test.short", "-test.v", "-test.skip", s.skips)
			cmd.Dir = filepath.Join(module, s.pkg)
			out, err := run(cmd)
			passed := len(regexp.MustCompile(`(?m)^--- PASS: Test`).FindAllString(out, -1))
			if err != nil || passed < s.least || strings.Contains(out, "--- SKIP") {
				t.Errorf("%d tests passed, want at least %d and none skipped; %v\n%s", passed, s.least, err, out)
			}
			t.Logf("%d tests passed", passed)
		})
	}
}
