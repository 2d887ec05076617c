package model_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// TestServerAlone looks at what a child gets from the process that serves a mount: were it the device, a child that waits
// for an answer would outlive the server's death, and wait for ever.
func TestServerAlone(t *testing.T) {
	needFUSE(t)
	m, err := memfs.New(filepath.Join(sandbox.TempDir(t, "model-"), "mnt"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	if err != nil || strings.Contains(string(out), "/dev/fuse") {
		t.Errorf("a child has the files, %v:\n%s", err, out)
	}
}
