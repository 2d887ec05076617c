// Package run is what the tests of the examples share.
package run

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Must ends the test at an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Need skips the test where a program is missing, or fails where everything is required.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs %s in $PATH", program)
	}
	t.Skipf("needs %s in $PATH", program)
}

// Txcommit builds the command and returns the folder that it is in, which goes with the test.
func Txcommit(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "txcommit"), "github.com/txcommit/txcommit/cmd/txcommit").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}
