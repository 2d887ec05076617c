package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
)

// A tree op that moves and finds all in place removes the source only after the target is durable: it may be in memory
// only, and the source the one copy that a power cut would leave. The calls of the command are looked at.
func TestMoveSyncsBeforeItRemoves(t *testing.T) {
	bin := needBinary(t)
	for _, store := range []bool{false, true} {
		dir := t.TempDir()
		writeTree(t, dir, "root/dist/a", "src/a")
		if store {
			writeTree(t, dir, "more/b")
			runOK(t, dir, bin, "sync", "-C", "root", "more", "more")
		}
		res, err := supervise.Run(supervise.Fault{}, supervise.Options{Dir: dir, Trace: true},
			bin, "sync", "-C", "root", "src", "dist", "--move")
		if err != nil || res.ExitCode != 0 {
			t.Fatalf("store %v: sync --move: %v, exit %d: %s", store, err, res.ExitCode, res.Stderr)
		}
		synced, removed := false, false
		for _, c := range res.Trace {
			switch {
			case strings.Contains(c.Name, "sync") && c.Name != "sync_file_range":
				synced = true
			case c.Name == "unlinkat" && c.Path == "a":
				removed = true
				if !synced {
					t.Errorf("store %v: the source is removed before anything is synced", store)
				}
			}
		}
		if !removed {
			t.Errorf("store %v: the source was not removed: %v", store, res.Trace)
		}
	}
}

// A tree op that moves from another file system stages copies. When it is rolled back, they are ours, and nobody's file
// that was in the way. The first exchange is refused.
func TestRolledBackCopyIsNotKept(t *testing.T) {
	bin := needBinary(t)
	dir := t.TempDir()
	source, err := os.MkdirTemp(memory, "txcommit-move")
	if err != nil {
		needOrSkip(t, "a second file system at "+memory, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(source) })
	writeTree(t, dir, "root/dist/a")
	if err := os.WriteFile(filepath.Join(source, "a"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	seen := 0
	refuse := func(c supervise.Call) unix.Errno {
		if c.Name != "renameat2" || c.Args[4] != unix.RENAME_EXCHANGE {
			return 0
		}
		if seen++; seen == 2 { // the first is the probe
			return unix.EIO
		}
		return 0
	}
	res, err := supervise.Run(supervise.Fault{Refuse: refuse}, supervise.Options{Dir: dir}, bin, "sync", "-C", "root", source, "dist", "--move")
	if err != nil || res.ExitCode != 1 {
		t.Fatalf("sync --move: %v, exit %d, want 1: %s", err, res.ExitCode, res.Stderr)
	}
	kept, err := os.ReadDir(filepath.Join(dir, "root/.txcommit/displaced"))
	if err != nil || len(kept) > 0 {
		t.Errorf("displaced/ holds %v, %v, want nothing", kept, err)
	}
	if b, err := os.ReadFile(filepath.Join(source, "a")); err != nil || string(b) != "new" {
		t.Errorf("the source holds %q, %v, want it as it was", b, err)
	}
}

func needOrSkip(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs %s: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}

func writeTree(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func runOK(t *testing.T, dir string, argv ...string) {
	t.Helper()
	res, err := supervise.Run(supervise.Fault{}, supervise.Options{Dir: dir}, argv...)
	if err != nil || res.ExitCode != 0 {
		t.Fatalf("%v: %v, exit %d: %s", argv, err, res.ExitCode, res.Stderr)
	}
}
