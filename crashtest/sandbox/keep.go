//go:build linux

package sandbox

import (
	"os"
	"path/filepath"
)

// Keep makes a folder outside the sandbox, for what has to outlive it: the state of a violation.
func Keep() (string, error) {
	outside := os.TempDir()
	if dir := os.Getenv(dirEnv); dir != "" {
		outside = filepath.Dir(dir)
	}
	return os.MkdirTemp(outside, "txcommit-violation-")
}
