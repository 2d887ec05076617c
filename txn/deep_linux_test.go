package txn_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// longName is as long as a name can be.
var longName = strings.Repeat("n", 255)

// pathOf returns a path of n bytes, with names as long as can be.
func pathOf(n int) string {
	b := bytes.Repeat([]byte("p"), n)
	for i := 255; i < n; i += 256 {
		b[i] = '/'
	}
	if b[n-1] == '/' {
		b[n-2], b[n-1] = '/', 'p'
	}
	return string(b)
}

// deepRoot makes a root that lies deeper than any path can say, goes there, and comes back at the end.
func deepRoot(t *testing.T) {
	t.Helper()
	t.Chdir(memoryDir(t)) // goes back at the end
	for range 20 {
		must(t, os.Mkdir(longName, 0o755))
		must(t, os.Chdir(longName))
	}
}

// TestDeepRoot works in a root whose own path is longer than PATH_MAX, with names of 255 bytes and paths of 4,095 bytes
// below it, through the library: writes, renames, modes, removals, a tree, a view, an undo.
func TestDeepRoot(t *testing.T) {
	deepRoot(t)
	long := pathOf(4095)
	plant(t, ".", longName+"=short of nothing")
	st := open(t, ".", &txn.Options{History: 3})
	step := func(o ...manifest.Op) {
		t.Helper()
		if _, err := commitOps(st, o); err != nil {
			t.Fatalf("%d bytes: %v", len(long), err)
		}
	}
	check := func(p, want string) {
		t.Helper()
		must(t, st.View(t.Context(), func(fsys fs.FS) error {
			if b, err := fs.ReadFile(fsys, p); err != nil || string(b) != want {
				t.Errorf("a path of %d bytes: %q, %v; want %q", len(p), b, err, want)
			}
			return nil
		}))
	}
	step(w(long, "new"), w(longName, "new"))
	check(long, "new")
	step(moded(w(long, "newer"), 0o600))
	check(long, "newer")
	_, err := st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	check(long, "new")
	step(mv(long, "short"), w(longName, "again"))
	check("short", "new")
	step(mv("short", long))
	check(long, "new")
	must(t, os.Mkdir("../src", 0o755))
	plant(t, "../src", longName+"=of the tree", "d/"+longName+"=deeper")
	step(treeOp("copy/"+longName, "../src"))
	check("copy/"+longName+"/d/"+longName, "deeper")
	step(rmAll(strings.SplitN(long, "/", 2)[0]), rmAll("copy"))
	must(t, st.Close())
	if rep, err := txn.Recover(t.Context(), ".", nil); err != nil || len(rep.Recovered) > 0 {
		t.Errorf("Recover = %+v, %v", rep, err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 2 {
		t.Errorf("left in the root: %v, %v; want .txcommit and a file", left, err)
	}
}

// TestTooLong refuses paths that are a byte too long, before anything is made.
func TestTooLong(t *testing.T) {
	for _, r := range []refusal{
		{name: "path", ops: ops(w(pathOf(4096), "x")), says: "path has 4096 bytes"},
		{name: "name", ops: ops(w(longName+"n", "x")), says: "name has 256 bytes"},
	} {
		refuse(t, r)
	}
}

// TestDeepRootByCommand runs the commands in such a root.
func TestDeepRootByCommand(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "txcommit")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/txcommit").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	deepRoot(t)
	long := pathOf(4095)
	m := `{"version":1,"ops":[{"op":"write","path":"` + long + `","content":"new"},{"op":"write","path":"` + longName + `","content":"new"}]}`
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"plan", "-"}, 0, "2 to create"},
		{[]string{"apply", "-"}, 0, "2 created"},
		{[]string{"status"}, 0, "clean"},
		{[]string{"recover"}, 0, "clean"},
		{[]string{"history"}, 0, "2 created"},
		{[]string{"view", "--", "cat", longName}, 0, "new"},
		{[]string{"undo"}, 0, "2 removed"},
		// No program can be told the path of its staging folder.
		{[]string{"run", "--path", "made", "--", "true"}, 125, "file name too long"},
	} {
		cmd := exec.CommandContext(t.Context(), bin, tt.args...)
		cmd.Stdin = strings.NewReader(m)
		cmd.Env = append(os.Environ(), "PWD=")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
			t.Errorf("%q: exit code %d, want %d and %q\n%s", tt.args, code, tt.code, tt.says, out)
		}
	}
}
