package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReadme runs the session that README shows, in a copy of the examples.
func TestReadme(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files:               []string{"testdata/readme.txtar"},
		RequireExplicitExec: true,
		Condition:           condition,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"session": runSession},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Join(e.WorkDir, "bin")+string(os.PathListSeparator)+e.Getenv("PATH"))
			readme, err := os.ReadFile("../../README.md")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(e.WorkDir, "README.md"), readme, 0o644); err != nil {
				return err
			}
			return os.CopyFS(filepath.Join(e.WorkDir, "examples"), os.DirFS("../../examples"))
		},
	})
}

// varies are the parts of an output that are others each time.
var varies = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9.]+ m?s\b`)

// runSession is "session FILE": it runs the commands in the first console block of FILE, one after the other in one shell.
// Where the block
// shows what a command prints, that must be it. /tmp is the work folder.
func runSession(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: session FILE")
	}
	_, block, found := strings.Cut(ts.ReadFile(args[0]), "```console\n")
	block, _, _ = strings.Cut(block, "```")
	if !found {
		ts.Fatalf("%s has no session", args[0])
	}
	var commands, wants []string
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands, wants = append(commands, strings.TrimSpace(command)), append(wants, "")
		} else {
			wants[len(wants)-1] += line
		}
	}
	const mark = "== next ==\n"
	script := "set -e\n"
	for _, c := range commands {
		script += strings.ReplaceAll(c, "/tmp/", ts.Getenv("WORK")+"/") + "\necho '" + strings.TrimSpace(mark) + "'\n"
	}
	ts.Check(ts.Exec("sh", "-c", script))
	for i, got := range strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), mark), mark) {
		got, want := varies.ReplaceAllString(got, "X"), varies.ReplaceAllString(wants[i], "X")
		if want != "" && got != want {
			ts.Fatalf("$ %s\ngot:\n%swant:\n%s", commands[i], got, want)
		}
	}
}
