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

// TestServedTakesTurns has two commands that take turns: both have processes of their own, now and then.
func TestServedTakesTurns(t *testing.T) {
	dir := t.TempDir()
	exe, log := filepath.Join(dir, "logs"), filepath.Join(dir, "log")
	script := "#!/bin/sh\nif [ -z \"$TXCOMMIT_SERVED\" ]; then echo $1 >>" + log + "; exit; fi\nwhile read line; do echo '{}'; done\n"
	if err := os.WriteFile(exe, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	served := oracle.Serve(exe)
	for range 14 {
		for _, what := range []string{"first", "second"} {
			if _, exit, err := served.Run(what); exit != 0 || err != nil {
				t.Fatal(exit, err)
			}
		}
	}
	if err := served.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(log); err != nil || strings.Count(string(b), "first") != 2 || strings.Count(string(b), "second") != 2 {
		t.Errorf("in processes of their own: %q, %v; want each of both twice", b, err)
	}
}

// TestProcessDies has a process that panics, and one that is killed: both are errors, with the reason.
func TestProcessDies(t *testing.T) {
	for _, end := range []string{"exit 2", "kill -9 $$"} {
		exe := filepath.Join(t.TempDir(), "dies")
		if err := os.WriteFile(exe, []byte("#!/bin/sh\necho the reason >&2\n"+end+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := oracle.Process(exe)("recover"); err == nil || !strings.Contains(err.Error(), "the reason") {
			t.Errorf("%s: got %v, want an error with the reason", end, err)
		}
	}
}
