//go:build linux

package live

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// TestFUSEBelow has a file system below the root on which the guarantee does not hold: what touches it is refused whole, with the
// reason, as a root on it is; with --allow-unsafe-fs it takes part.
func TestFUSEBelow(t *testing.T) {
	dir := sandbox.TempDir(t, "below-")
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	m, err := memfs.New(filepath.Join(root, "m"), 0)
	if err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs /dev/fuse and the right to mount: %v", err)
		}
		t.Skipf("needs /dev/fuse and the right to mount: %v", err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	inside(t, root, "mkdir", "m/d")
	const reason = "directory m/d is on fuse, where the guarantee does not hold"
	said, exit := commit(t, root, write("a"), write("m/d/f"))
	if exit != 1 || !strings.Contains(said.Error.Message, reason) || !strings.Contains(said.Error.Hint, "--allow-unsafe-fs") {
		t.Errorf("exit code %d, %+v; want 1, %q and a hint", exit, said, reason)
	}
	if _, err := os.Lstat(filepath.Join(root, "a")); err == nil {
		t.Error("a was made")
	}
	cmd := exec.Command(bin.Need(t), "apply", "-C", root, "--allow-unsafe-fs", "-")
	cmd.Stdin = strings.NewReader(`{"version": 1, "ops": [` + write("a") + ", " + write("m/d/f") + "]}")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("--allow-unsafe-fs: %v\n%s", err, out)
	}
	for _, p := range []string{"a", "m/d/f"} {
		if b, err := os.ReadFile(filepath.Join(root, p)); err != nil || string(b) != "new" {
			t.Errorf("%s: %q, %v", p, b, err)
		}
	}
	if left, err := filepath.Glob(root + "/m/d/.txcommit-*"); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
