//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// shortProgram replaces a file with the content of another one, in one of the ways that a package has, and says what came
// of it.
const shortProgram = `import fs from 'node:fs'
const [name, way, dir, source] = process.argv.slice(2)
const library = await import(name)
const ways = {
  write: library.writeFile ?? library.default,
  sync: library.writeFileSync ?? library.default.sync,
}
try {
  await ways[way](dir + '/' + way, fs.readFileSync(source))
  console.log('success')
} catch (e) {
  console.log(e.code)
}
`

// TestShortWrite replaces a file on a disk that has space for half of the new content. The kernel then writes what fits
// and returns its length. What docs/crash-safety.md says of the packages of npm is so as long as this test passes:
// they report success and leave half a file. A commit fails and leaves the old one.
func TestShortWrite(t *testing.T) {
	const size, disk = 200 << 10, "size=160k"
	source := filepath.Join(t.TempDir(), "new")
	content := bytes.Repeat([]byte("new "), size/4)
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*system{writeFileAtomicSystem(), atomicallySystem()} {
		tools := t.TempDir()
		need(t, s.install(t.Context(), tools))
		program := filepath.Join(tools, "short.mjs")
		if err := os.WriteFile(program, []byte(shortProgram), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, way := range []string{"write", "sync"} {
			dir := smallDisk(t, disk)
			oldFile(t, filepath.Join(dir, way))
			out, err := exec.CommandContext(t.Context(), "node", program, s.name, way, dir, source).Output()
			said := strings.TrimSpace(string(out))
			got, rerr := os.ReadFile(filepath.Join(dir, way))
			if err != nil || rerr != nil {
				t.Fatalf("%s: %v, %v\n%s", s.name, err, rerr, out)
			}
			t.Logf("%s, %s: %s, %d of %d bytes", s.name, way, said, len(got), size)
			if said != "success" || len(got) >= size || !bytes.HasPrefix(content, got) {
				t.Errorf("%s, %s: it says %s and leaves %d bytes: the docs say that it reports a short write as success",
					s.name, way, said, len(got))
			}
		}
	}
	dir := smallDisk(t, disk)
	at := filepath.Join(dir, "file")
	oldFile(t, at)
	manifest := `{"version": 1, "ops": [{"op": "write", "path": "file", "source": "` + source + `"}]}`
	cmd := exec.CommandContext(t.Context(), built(t), "apply", "-C", dir, "-")
	cmd.Stdin = bytes.NewReader([]byte(manifest))
	out, _ := cmd.CombinedOutput()
	got, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() != 1 || string(got) != "old" {
		t.Errorf("txcommit: exit code %d, the file has %d bytes, want 1 and the old file\n%s", cmd.ProcessState.ExitCode(), len(got), out)
	}
}

func oldFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// smallDisk mounts a small file system in memory.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs the right to mount: %v", err)
		}
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
