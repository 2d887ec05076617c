package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tarball makes a package of files; those in bin/ and the check can be run.
func tarball(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		mode := int64(0o644)
		if strings.HasPrefix(name, "bin/") || name == "check" {
			mode = 0o755
		}
		must(t, w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: mode, Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	name := filepath.Join(t.TempDir(), "package.tar.gz")
	must(t, os.WriteFile(name, b.Bytes(), 0o644))
	return name
}

func tool(t *testing.T, version, more string) string {
	return tarball(t, map[string]string{
		"package.json":     fmt.Sprintf(`{"name": "tool", "version": %q, "bin": ["bin/tool"]%s}`, version, more),
		"bin/tool":         "#!/bin/sh\necho " + version + "\n",
		"check":            "#!/bin/sh\n[ \"$(bin/tool)\" != broken ]\n",
		"share/" + version: version,
	})
}

func pkgman(root string, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(context.Background(), append([]string{"-root", root}, args...), &out)
	return out.String(), err
}

// snapshot is the whole tree but for the state folder, as text.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.Name() == ".txcommit" {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, name)
		fmt.Fprintln(&b, d.Type(), rel)
		if err == nil && d.Type().IsRegular() {
			content, err := os.ReadFile(name)
			fmt.Fprintf(&b, "%s\n", content)
			return err
		}
		return err
	}))
	return b.String()
}

// TestInstall installs, updates and removes a package: its folder, its program and the index change together.
func TestInstall(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"1.0", "2.0"} {
		if out, err := pkgman(root, "install", tool(t, version, `, "check": "check"`)); err != nil || out != "installed tool "+version+"\n" {
			t.Fatalf("install: %v, %q", err, out)
		}
		if out, err := pkgman(root, "list"); err != nil || out != "tool "+version+"\n" {
			t.Errorf("list: %v, %q", err, out)
		}
		if b, err := os.ReadFile(filepath.Join(root, "bin/tool")); err != nil || !strings.Contains(string(b), version) {
			t.Errorf("bin/tool is %q, %v, want that of %s", b, err, version)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "pkgs/tool/share/1.0")); err == nil {
		t.Error("a file of version 1.0 is still there")
	}
	_, err := pkgman(root, "remove", "tool")
	must(t, err)
	if out, err := pkgman(root, "list"); err != nil || out != "" {
		t.Errorf("list: %v, %q", err, out)
	}
	if _, err := os.Lstat(filepath.Join(root, "bin/tool")); err == nil {
		t.Error("bin/tool is still there")
	}
}

// TestRollback installs packages that do not pass: their own check, what they need, a program that is not there, a file
// outside, a tarball that is cut off. Each time the tree is as it was, also in an empty one.
func TestRollback(t *testing.T) {
	whole, err := os.ReadFile(tool(t, "3.0", ""))
	must(t, err)
	cut := filepath.Join(t.TempDir(), "cut.tar.gz")
	must(t, os.WriteFile(cut, whole[:len(whole)-20], 0o644))
	bad := map[string]string{
		"its own check": tool(t, "broken", `, "check": "check"`),
		"its needs":     tool(t, "2.0", `, "needs": ["engine"]`),
		"its program":   tarball(t, map[string]string{"package.json": `{"name": "tool", "version": "2.0", "bin": ["bin/other"]}`}),
		"its name":      tarball(t, map[string]string{"package.json": `{"name": "../tool", "version": "2.0"}`}),
		"its place":     tarball(t, map[string]string{"package.json": `{"name": "tool", "version": "2.0"}`, "../../out": "x"}),
		"its tarball":   cut,
	}
	for _, installed := range []bool{false, true} {
		root := t.TempDir()
		if installed {
			_, err := pkgman(root, "install", tool(t, "1.0", ""))
			must(t, err)
		}
		before := snapshot(t, root)
		for name, file := range bad {
			if out, err := pkgman(root, "install", file); err == nil {
				t.Errorf("%s: installed, %s", name, out)
			} else {
				t.Logf("%s: %v", name, err)
			}
			if got := snapshot(t, root); got != before {
				t.Errorf("%s: the tree is\n%s, want\n%s", name, got, before)
			}
		}
	}
}

// TestTogether installs packages from many goroutines: each update of the index counts, whoever was faster.
func TestTogether(t *testing.T) {
	root := t.TempDir()
	const packages = 8
	var want strings.Builder
	var wg sync.WaitGroup
	for n := range packages {
		name := fmt.Sprintf("p%d", n)
		fmt.Fprintf(&want, "%s 1.0\n", name)
		file := tarball(t, map[string]string{
			"package.json": fmt.Sprintf(`{"name": %q, "version": "1.0", "bin": ["bin/%s"]}`, name, name), "bin/" + name: "#!/bin/sh\n",
		})
		wg.Go(func() {
			if _, err := pkgman(root, "install", file); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if out, err := pkgman(root, "list"); err != nil || out != want.String() {
		t.Errorf("list: %v, %q, want %q", err, out, &want)
	}
}
