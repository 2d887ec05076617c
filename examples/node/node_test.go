// Package node_test runs the example for Node and systemd.
package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/txcommit/txcommit/examples/internal/run"
)

// project makes a folder with a package in it.
func project(t *testing.T) string {
	root := t.TempDir()
	run.Must(t, os.WriteFile(filepath.Join(root, "package.json"), []byte("{\n  \"name\": \"app\",\n  \"version\": \"1.0.0\"\n}\n"), 0o644))
	run.Must(t, os.WriteFile(filepath.Join(root, "package-lock.json"),
		[]byte(`{"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "app", "version": "1.0.0"}}}`), 0o644))
	return root
}

// node runs a script with txcommit in the path.
func node(path string, args ...string) (string, error) {
	cmd := exec.Command("node", args...)
	cmd.Env = append(os.Environ(), "PATH="+path+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// versions returns the version that package.json has, and checks that the other files have the same.
func versions(t *testing.T, root string) string {
	t.Helper()
	var pkg, lock struct {
		Version  string
		Packages map[string]struct{ Version string }
	}
	for name, v := range map[string]any{"package.json": &pkg, "package-lock.json": &lock} {
		b, err := os.ReadFile(filepath.Join(root, name))
		run.Must(t, err)
		run.Must(t, json.Unmarshal(b, v))
	}
	log, _ := os.ReadFile(filepath.Join(root, "CHANGELOG.md")) // there is none at first
	if lock.Version != pkg.Version || lock.Packages[""].Version != pkg.Version ||
		pkg.Version != fmt.Sprintf("1.%d.0", strings.Count(string(log), "\n")) {
		t.Errorf("package.json has %s, package-lock.json %+v, CHANGELOG.md\n%s", pkg.Version, lock, log)
	}
	return pkg.Version
}

// TestBump has several processes count up at once: none of their steps is lost, and the three files agree.
func TestBump(t *testing.T) {
	run.Need(t, "node")
	path, root := run.Txcommit(t), project(t)
	const writers = 4
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if out, err := node(path, "bump.mjs", root); err != nil {
				t.Errorf("bump.mjs: %v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	if got, want := versions(t, root), fmt.Sprintf("1.%d.0", writers); got != want {
		t.Errorf("version %s after %d writers, want %s", got, writers, want)
	}
}

// TestErrors has a write fail that is one of several: nothing changes, and the error says what and why.
func TestErrors(t *testing.T) {
	run.Need(t, "node")
	path, root := run.Txcommit(t), project(t)
	run.Must(t, os.Mkdir(filepath.Join(root, "folder"), 0o755))
	for files, want := range map[string]string{
		`{'package.json': {content: '{}'}, folder: {content: 'x'}}`:                                 "1 false failed folder",
		`{'package.json': {content: '{}', expect: 'absent'}, new: {content: 'x'}}`:                  "3 true conflict package.json",
		`{new: {content: 'x'}, 'package.json': {content: '{', format: 'json'}}`:                     "1 false failed package.json",
		`{'../out': {content: 'x'}, new: {content: 'x'}}`:                                           "65 false invalid /ops/0/path",
		`{new: {content: 'x'}, 'package.json': {content: '{}', expect: {sha256: '` + zeros + `'}}}`: "3 true conflict package.json",
	} {
		script := `import { writeFiles, CommitError } from './write-files.mjs'
			try { await writeFiles(process.argv[1], ` + files + `) } catch (e) {
				if (!(e instanceof CommitError)) throw e
				console.log(e.code, e.isConflict, e.result.result, e.result.error.path ?? e.result.error.pointer)
			}`
		out, err := node(path, "--input-type=module", "-e", script, root)
		if err != nil || strings.TrimSpace(out) != want {
			t.Errorf("%s: %v, %q, want %q", files, err, out, want)
		}
		if got := versions(t, root); got != "1.0.0" {
			t.Errorf("%s: the version is %s now", files, got)
		}
		if _, err := os.Stat(filepath.Join(root, "new")); err == nil {
			t.Errorf("%s: new is there", files)
		}
	}
}

var zeros = strings.Repeat("0", 64)

// TestUnit checks the unit: that systemd takes it, and that the command in it is one that works.
func TestUnit(t *testing.T) {
	run.Need(t, "systemd-analyze")
	path, root := run.Txcommit(t), project(t)
	unit, err := os.ReadFile("systemd/txcommit-recover@.service")
	run.Must(t, err)
	here := strings.ReplaceAll(string(unit), "/usr/local/bin/txcommit", filepath.Join(path, "txcommit"))
	file := filepath.Join(t.TempDir(), "txcommit-recover@srv-app.service")
	run.Must(t, os.WriteFile(file, []byte(here), 0o644))
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), "txcommit-recover") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	var argv []string
	for line := range strings.Lines(here) {
		if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
			argv = strings.Fields(strings.ReplaceAll(command, "%f", root))
		}
	}
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil || string(out) != "clean: nothing to recover\n" {
		t.Errorf("%q: %v\n%s", argv, err, out)
	}
}
