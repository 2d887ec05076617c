package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// newTestApp returns an app that writes to the buffers, with default flags but for format.
func newTestApp(format string) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	a = &app{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, signalled: func() int { return 0 }}
	a.flags.output.value = format
	return a, stdout, stderr
}

// parsed returns where a manifest has its one op: at line 2.
func parsed(t *testing.T) *manifest.Positions {
	t.Helper()
	text := `{"version": 1, "ops": [` + "\n" + `  {"op": "remove", "path": "a"}]}`
	m, err := manifest.Parse("m.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.Positions()
}

// TestExplain checks message, path and pointer. Only what is wrong whatever the tree holds is led by its position.
func TestExplain(t *testing.T) {
	missing := &fs.PathError{Op: "remove", Path: "a", Err: syscall.ENOENT}
	control := &fs.PathError{Op: "open", Path: "a\nb", Err: syscall.EACCES}
	tests := []struct {
		name                   string
		err                    error
		fromManifest           bool
		message, path, pointer string
	}{
		{"op of a manifest", &txn.Error{Path: "a", Err: missing}, true, "remove a: " + syscall.ENOENT.Error(), "a", "/ops/0"},
		{"op of sync", &txn.Error{Path: "a", Err: missing}, false, "remove a: " + syscall.ENOENT.Error(), "a", ""},
		{
			"bad op", &txn.Error{Path: "a", Err: fmt.Errorf("clash: %w", fs.ErrInvalid)}, true,
			"m.json:2:3: /ops/0: a: clash: invalid argument", "a", "/ops/0",
		},
		{
			"bad manifest", at(atManifest, &manifest.Error{Name: "m.json", Line: 1, Col: 2, Pointer: "/id", Msg: "bad"}), false,
			"m.json:1:2: /id: bad", "", "/id",
		},
		{
			"control bytes in a name", &txn.Error{Path: "a\nb", Err: control}, true,
			`open "a\nb": permission denied`, "a\nb", "/ops/0",
		},
		{
			"a name in a longer one", &txn.Error{Path: "b\t", Err: &fs.PathError{Op: "open", Path: "a/b\t", Err: syscall.EIO}}, false,
			`open "a/b\t": input/output error`, "b\t", "",
		},
		{
			"control bytes in a bad op", &txn.Error{Path: "a\nb", Err: fs.ErrInvalid}, true,
			`m.json:2:3: /ops/0: "a\nb": invalid argument`, "a\nb", "/ops/0",
		},
		{
			"quotes are not quoted twice", &txn.Error{Path: `a"`, Err: &fs.PathError{Op: "open", Path: `a"`, Err: syscall.EIO}}, false,
			`open "a\"": input/output error`, `a"`, "",
		},
		{
			"both names of a rename", &os.LinkError{Op: "rename", Old: "a\t", New: "b\xff", Err: syscall.EXDEV}, false,
			`rename "a\t" "b\377": invalid cross-device link`, "", "",
		},
		{"two errors", errors.Join(errors.New("one"), errors.New("two\x1b[m")), false, `one; two\033[m`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, _, _ := newTestApp("text")
			if tt.fromManifest {
				a.manifest = parsed(t)
			}
			f := a.explain(tt.err)
			if f.Message != tt.message || string(f.Path) != tt.path || f.Pointer != tt.pointer {
				t.Errorf("explain(%v) = %q, path %q, pointer %q, want %q, %q, %q",
					tt.err, f.Message, f.Path, f.Pointer, tt.message, tt.path, tt.pointer)
			}
		})
	}
}

// TestFailureJSON pins the whole object of a failure: every field is there, and no array is null.
func TestFailureJSON(t *testing.T) {
	a, stdout, stderr := newTestApp("json")
	a.manifest = parsed(t)
	code := a.finish(&txn.Error{Path: "<a&b>", Err: txn.ErrConflict})
	want := `{"result":"conflict","id":"","created":0,"changed":0,"removed":0,"unchanged":0,"bytes":0,"kept_bytes":0,"duration_ms":0,` +
		`"recovered":[],"displaced":[],"error":{"kind":"conflict","path":"<a&b>","pointer":"/ops/0","message":`
	if code != exitConflict || !strings.HasPrefix(stdout.String(), want) || !json.Valid(stdout.Bytes()) {
		t.Errorf("finish = %d and %s, want %d and %s...", code, stdout, exitConflict, want)
	}
	if !strings.HasPrefix(stderr.String(), "txcommit: <a&b>: ") || !strings.Contains(stderr.String(), "\nhint: ") {
		t.Errorf("standard error: %q, want the error and a hint", stderr)
	}
}

// TestFailureKeepsTheReport checks that what was done before an error is still told, and what was not done is not.
func TestFailureKeepsTheReport(t *testing.T) {
	a, stdout, _ := newTestApp("text")
	rep := newCommitReport()
	rep.recovered([]txn.Recovery{{ID: "T1", Outcome: "completed"}})
	rep.took(&txn.Result{ID: "T2", RolledBack: true, Created: 5}, "")
	a.report = rep
	code := a.finish(at(atRollback, &txn.Error{Path: "a", Err: syscall.EIO}))
	want := "recovered T1: completed\nrolled back T2: the tree is as it was\n"
	if code != exitFailed || stdout.String() != want || rep.Created != 0 {
		t.Errorf("finish = %d, %q, created %d, want %d, %q, 0", code, stdout, rep.Created, exitFailed, want)
	}
}

// TestCleanupIsCommitted checks exit 7: the commit is told as one, the error as a warning.
func TestCleanupIsCommitted(t *testing.T) {
	a, stdout, stderr := newTestApp("json")
	rep := newCommitReport()
	res := &txn.Result{ID: "T", Committed: true, Created: 1, Cleanup: syscall.EIO}
	rep.took(res, "")
	a.report = rep
	code := a.finish(outcome(res, nil))
	if code != exitCleanup || !strings.HasPrefix(stdout.String(), `{"result":"committed","id":"T","created":1,`) {
		t.Errorf("finish = %d and %s, want %d and a commit", code, stdout, exitCleanup)
	}
	if !strings.Contains(stderr.String(), "warning: ") || !strings.Contains(stderr.String(), "next run") {
		t.Errorf("standard error: %q, want a warning that says who cleans up", stderr)
	}
}

// failingWriter refuses every write, like /dev/full.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestStandardOutputRefused checks that a report that nobody gets does not turn a commit into a failure.
func TestStandardOutputRefused(t *testing.T) {
	tests := []struct {
		name string
		rep  report
		want int
	}{
		{"commit", newCommitReport(), exitOK},
		{"plan", newPlanReport(&txn.Plan{}, false), exitFailed},
		{"version", newVersionReport(), exitFailed},
	}
	for _, tt := range tests {
		for _, format := range []string{"text", "json"} {
			a, _, stderr := newTestApp(format)
			a.stdout, a.report = failingWriter{}, tt.rep
			if r, ok := tt.rep.(*commitReport); ok {
				r.Result = "committed"
			}
			if got := a.finish(nil); got != tt.want || !strings.Contains(stderr.String(), "standard output") {
				t.Errorf("%s as %s: exit code %d, %q, want %d and an error", tt.name, format, got, stderr, tt.want)
			}
		}
	}
}

// TestColor checks that colours are there only when asked for: --color is stronger than NO_COLOR, and a buffer or a
// file is no terminal.
func TestColor(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	t.Setenv("NO_COLOR", "1")
	tests := []struct {
		color  string
		stderr io.Writer
		want   bool
	}{
		{"always", file, true},
		{"never", file, false},
		{"auto", file, false},
		{"auto", io.Discard, false},
	}
	for _, tt := range tests {
		a, _, _ := newTestApp("text")
		a.flags.color.value, a.stderr = tt.color, tt.stderr
		if got := bool(a.paints(a.stderr)); got != tt.want {
			t.Errorf("paints() with --color %s on %T = %v, want %v", tt.color, tt.stderr, got, tt.want)
		}
	}
}
