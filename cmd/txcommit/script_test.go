package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"txcommit": scripted})
}

// cleaning runs the tests, and then what they have left to do at the end of all.
type cleaning struct{ *testing.M }

var atEnd []func()

func (c cleaning) Run() int {
	defer func() {
		for _, f := range atEnd {
			f()
		}
	}()
	return c.M.Run()
}

// TestScript runs the command as its users do: one script for each command, with text, JSON, errors and exit codes.
func TestScript(t *testing.T) {
	// Who runs the tests may ignore these, as nohup does, and so would all that the scripts start: what is handled here is
	// theirs to handle.
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"json":  jsonField,
		},
	})
}

func scriptsIn(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(dir + "/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	return all
}

// condition is [required], true where a test must not be skipped for what it does not find.
func condition(name string) (bool, error) {
	if name != "required" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return os.Getenv("TXCOMMIT_REQUIRE") == "all", nil
}

// exits CODE CMD... runs CMD, which must exit with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD...")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s: exit code %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// jsonField FIELD [VALUE] checks a field (a.b) of the JSON object that is all of the last standard output: that it is
// VALUE, or that it is there and not empty. "! json FIELD" checks that it is missing.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 || neg && len(args) > 1 {
		ts.Fatalf("usage: [!] json FIELD [VALUE]")
	}
	var value any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &value); err != nil {
		ts.Fatalf("standard output is not one JSON object: %v", err)
	}
	for key := range strings.SplitSeq(args[0], ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	got, isString := value.(string)
	if !isString && value != nil {
		text, err := json.Marshal(value)
		ts.Check(err)
		got = string(text)
	}
	switch {
	case neg && value != nil:
		ts.Fatalf("%s: got %s, want no such field", args[0], got)
	case !neg && len(args) == 1 && got == "":
		ts.Fatalf("%s: is missing or empty", args[0])
	case len(args) == 2 && (value == nil || got != args[1]):
		ts.Fatalf("%s: got %q, want %q", args[0], got, args[1])
	}
}
