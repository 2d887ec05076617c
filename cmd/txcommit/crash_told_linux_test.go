package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestRecoveryIsTold kills a commit in the middle, and has each command that only lists or drops recover it: it says so, as
// text on standard error, since standard output is a list, and in JSON.
func TestRecoveryIsTold(t *testing.T) {
	for _, args := range [][]string{
		{"history"},
		{"show", "0"},
		{"gc"},
		{"gc", "--keep", "1"},
		{"history", "-o", "json"},
		{"show", "0", "-o", "json"},
		{"gc", "-o", "json"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			w := newWreck(t, needBinary(t), filepath.Join(workFolder(t), "stand"))
			state, err := w.status(t.Context())
			if err != nil || len(state.Pending) != 1 {
				t.Fatalf("status: %+v, %v; want one that is pending", state, err)
			}
			id := state.Pending[0].ID
			res := w.run(t, supervise.Fault{}, supervise.Options{}, args...)
			stdout, stderr := string(res.Stdout), string(res.Stderr)
			told := strings.Contains(stderr, "txcommit: recovered "+id+": completed")
			if args[len(args)-1] == "json" {
				told = strings.Contains(stdout, `"recovered":[{"id":"`+id+`","outcome":"completed"`)
			}
			if res.ExitCode != exitOK || !told {
				t.Errorf("exit code %d, want 0, and that %s was recovered:\n%s%s", res.ExitCode, id, stdout, stderr)
			}
		})
	}
}
