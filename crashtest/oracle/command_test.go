package oracle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

// TestServed runs the same commands in one process and in a process each: they say the same.
func TestServed(t *testing.T) {
	exe := bin.Need(t)
	served := oracle.Serve(exe)
	for _, args := range [][]string{{"status"}, {"recover", "-o", "json"}, {"apply", "missing.json"}, {"recover", "--nonsense"}, {}} {
		args = append(args, "--root", t.TempDir())
		out, exit, err := served.Run(args...)
		want, code, err2 := oracle.Process(exe)(args...)
		if string(out) != string(want) || exit != code || err != nil || err2 != nil {
			t.Errorf("%q: served %q, %d, %v; in a process of its own %q, %d, %v", args, out, exit, err, want, code, err2)
		}
	}
	if err := served.Close(); err != nil {
		t.Error(err)
	}
}

// TestServedDies has a process that dies in the middle of a command: that is an error, and the next command has a new one.
func TestServedDies(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "dies")
	script := "#!/bin/sh\nread line\nif [ -e " + dir + "/lives ]; then echo '{\"exit\":3}'; read line; exit 0; fi\necho the reason >&2\nexit 2\n"
	if err := os.WriteFile(exe, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	served := oracle.Serve(exe)
	if _, _, err := served.Run("recover"); err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("got %v, want an error with the reason", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lives"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, exit, err := served.Run("recover"); exit != 3 || err != nil {
		t.Errorf("after that: %d, %v", exit, err)
	}
	if err := served.Close(); err != nil {
		t.Error(err)
	}
}
