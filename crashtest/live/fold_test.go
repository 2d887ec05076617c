//go:build linux

package live

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// TestFold has a file system on which names that differ in case only are the same. Two ops that end on one entry under two
// names are refused as if the names were equal, and nothing leads into the state folder; what does not clash is done.
func TestFold(t *testing.T) {
	needs(t)
	const one, state = "the file system takes two names for one", "leads into the state folder"
	for _, tt := range []struct {
		name string
		ops  []string
		says string // empty: it is done
	}{
		{"two new files", []string{write("new"), write("NEW")}, one},
		{"two new files in a new folder", []string{write("n/x"), write("n/X")}, one},
		{"two new folders", []string{write("n/x"), write("N/y")}, one},
		{"a new file and a new folder", []string{write("n"), write("N/y")}, one},
		{"two names of a file", []string{write("a"), write("A")}, one},
		{"two names of a folder", []string{write("d/new"), write("D/other")}, one},
		{"a file below two names of a folder", []string{write("d/f"), write("D/f")}, one},
		{"removed and written", []string{`{"op": "remove", "path": "a"}`, write("A")}, one},
		{"removed twice", []string{`{"op": "remove", "path": "a"}`, `{"op": "remove", "path": "A"}`}, one},
		{"mode and content", []string{`{"op": "chmod", "path": "a", "mode": "0600"}`, write("A")}, one},
		{"renamed to another new name", []string{`{"op": "rename", "from": "a", "to": "b"}`, write("B")}, one},
		{"below a removed folder", []string{`{"op": "remove", "path": "d", "recursive": true}`, write("D/new")}, one},
		{"the state folder", []string{write("a"), write(".TXCOMMIT/format")}, state},
		{"the state folder itself", []string{write("a"), `{"op": "remove", "path": ".Txcommit", "recursive": true}`}, state},
		{"different names", []string{write("new"), write("NEWS"), write("d/F2"), write("D2/f")}, ""},
		{"another name of a file", []string{write("A"), write("new")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { fold(t, tt.ops, tt.says) })
	}
}

func fold(t *testing.T, ops []string, says string) {
	m, err := memfs.New(filepath.Join(sandbox.TempDir(t, "fold-"), "mnt"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	m.Fold()
	root := filepath.Join(m.Dir, "root")
	// Not with this folder as its working directory: a process that is being started would wait for this one, which starts it.
	inside(t, "/", "sh", "-c", `cd "$1" && mkdir -p root/d && echo old > root/a && echo old > root/d/f`, "sh", m.Dir)
	if said, exit := commitUnsafe(t, root, write("seed")); exit != 0 {
		t.Fatalf("first commit: exit code %d, %+v", exit, said)
	}
	before, err := oracle.Look(root)
	if err != nil {
		t.Fatal(err)
	}
	said, exit := commitUnsafe(t, root, ops...)
	if says == "" {
		if exit != 0 {
			t.Errorf("%q: exit code %d, %+v", ops, exit, said)
		}
		return
	}
	if (exit != 1 && exit != 65) || said.Result == "rolled-back" || !strings.Contains(said.Error.Message, says) {
		t.Errorf("%q: exit code %d, %+v; want it refused with %q", ops, exit, said, says)
	}
	after, err := oracle.Look(root)
	if err != nil {
		t.Fatal(err)
	}
	after.State, before.State = nil, nil
	if err := oracle.SameSeen(before, after); err != nil {
		t.Errorf("%q: %v", ops, err)
	}
}

func commitUnsafe(t *testing.T, root string, ops ...string) (said answer, exit int) {
	t.Helper()
	cmd := exec.Command(bin.Need(t), "apply", "-C", root, "-o", "json", "--allow-unsafe-fs", "-")
	cmd.Stdin = strings.NewReader(`{"version": 1, "ops": [` + strings.Join(ops, ", ") + "]}")
	cmd.Stderr = os.Stderr
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return said, cmd.ProcessState.ExitCode()
}
