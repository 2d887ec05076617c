package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTerminal runs commands at a terminal and into a pipe: with NO_COLOR the two outputs are the same, byte for byte but
// for the terminal's line ends, also of work that is worth a line of progress; without it there are colours, and they are
// all that differs.
func TestTerminal(t *testing.T) {
	bin := needBuilt(t)
	for _, args := range [][]string{
		{"plan", "--diff", "-C", "root", "m.json"},
		{"apply", "-C", "none", "m.json"},
		{"status", "-C", "root"},
		{"help", "apply"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"root/a": "one\n", "m.json": `{"version": 1, "ops": [{"op": "write", "path": "a", "content": "two\n"}]}`,
		} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		pipe := exec.Command(bin, args...)
		pipe.Dir = dir
		piped, _ := pipe.CombinedOutput()
		at := func(env ...string) []byte {
			s := newSession(t, env, append([]string{"sh", "-c", `cd "$0" && exec "$@"`, dir, bin}, args...)...)
			s.read("")
			s.end()
			return bytes.ReplaceAll(s.seen, []byte("\r\n"), []byte("\n"))
		}
		if got := at("NO_COLOR=1", "TERM=xterm"); !bytes.Equal(got, piped) {
			t.Errorf("%q with NO_COLOR:\n%q\nin a pipe:\n%q", args, got, piped)
		}
		got := at("NO_COLOR=", "TERM=xterm")
		for _, colour := range []string{red, green, yellow, magenta, cyan, bold} {
			got = bytes.ReplaceAll(got, []byte("\x1b["+colour+"m"), nil)
		}
		plain := bytes.ReplaceAll(got, []byte("\x1b[0m"), nil)
		if !bytes.Equal(plain, piped) || bytes.Equal(plain, got) && args[0] != "help" {
			t.Errorf("%q with colours, taken away:\n%q\nin a pipe:\n%q", args, plain, piped)
		}
	}
}
