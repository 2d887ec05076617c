// Package bin builds the command that the crash lab attacks: the real one, or one with a seeded bug.
package bin

import (
	_ "embed" // of the file that is added
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Need returns the command, built once for the tests of a package: the real one, or that of TXCOMMIT_BINARY. It goes
// with the sandbox.
func Need(t testing.TB) string {
	t.Helper()
	exe, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// Env is what a command that replays something needs in front, to have the same binary again.
func Env() string {
	if exe := os.Getenv("TXCOMMIT_BINARY"); exe != "" {
		return "TXCOMMIT_BINARY=" + exe + " "
	}
	return ""
}

var built = sync.OnceValues(func() (string, error) {
	if exe := os.Getenv("TXCOMMIT_BINARY"); exe != "" {
		return exe, nil
	}
	return Build("")
})

// Build builds the command into a folder of its own in the sandbox; with an overlay file for go build, if overlay is not
// empty. For oracle.Serve a file is added to it.
func Build(overlay string) (string, error) {
	overlay, err := addServed(overlay)
	if err != nil {
		return "", err
	}
	return build(overlay, ".", "cmd/txcommit")
}

//go:embed served.go.txt
var served []byte

// addServed returns an overlay file that adds served.go.txt to the command.
func addServed(overlay string) (string, error) {
	all := struct{ Replace map[string]string }{map[string]string{}}
	if overlay != "" {
		b, err := os.ReadFile(overlay)
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(b, &all); err != nil {
			return "", fmt.Errorf("%s: %w", overlay, err)
		}
	}
	module, err := Module()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "txcommit-overlay")
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, "served.go")
	if err := os.WriteFile(source, served, 0o600); err != nil {
		return "", err
	}
	all.Replace[filepath.Join(module, "cmd", "txcommit", "served.go")] = source
	b, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// BuildLab builds a command of the lab itself as Build does, given its folder in the lab's module: one that uses the
// product as a library.
func BuildLab(overlay, folder string) (string, error) { return build(overlay, "crashtest", folder) }

// build leaves out what only makes the start of a process slow, and has no part in a commit: there are tens of thousands.
func build(overlay, module, folder string) (string, error) {
	dir, err := os.MkdirTemp("", "txcommit-bin")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, filepath.Base(folder))
	args := []string{"build", "-tags", "txcommit_noschema", "-ldflags", "-s -w", "-o", exe}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, "./"+folder)...)
	product, err := Module()
	if err != nil {
		return "", err
	}
	cmd.Dir = filepath.Join(product, module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return exe, nil
}

// Module returns the folder of the product's module: the one above the lab's.
func Module() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if filepath.Base(dir) == "crashtest" {
			return filepath.Dir(dir), nil
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("not below the lab's module: %w", os.ErrNotExist)
}
