package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// private gives the test mounts of its own. The thread ends with the test, and the mounts with it.
func private(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
	if err == nil {
		err = unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil && os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs mounts of its own: %v", err)
	}
	if err != nil {
		t.Skipf("needs mounts of its own: %v", err)
	}
}

func examine(t *testing.T, root string) map[string]Finding {
	t.Helper()
	all, err := Examine(context.Background(), root, nil)
	must(t, err)
	found := map[string]Finding{}
	for _, f := range all {
		if _, twice := found[f.Check]; twice || f.Text == "" {
			t.Errorf("%+v: comes twice, or says nothing", f)
		}
		found[f.Check] = f
	}
	return found
}

// expect checks the level of some findings, and that their text has a word in it.
func expect(t *testing.T, found map[string]Finding, check string, level Level, word string) {
	t.Helper()
	if f := found[check]; f.Level != level || !strings.Contains(f.Text, word) {
		t.Errorf("%s: got %s %q, want %s and %q", check, f.Level, f.Text, level, word)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestMounts looks at mounted file systems: what is mounted below the root is found, whatever it is, and nothing is made
// where nothing can be made.
func TestMounts(t *testing.T) {
	private(t)
	root := t.TempDir()
	must(t, unix.Mount("tmpfs", root, "tmpfs", 0, "size=16m"))
	defer func() { must(t, unix.Unmount(root, unix.MNT_DETACH)) }()
	below, file := filepath.Join(root, "a/b"), filepath.Join(root, "file")
	must(t, os.MkdirAll(below, 0o755))
	must(t, os.WriteFile(file, nil, 0o600))
	found := examine(t, root)
	expect(t, found, "file system", Warn, "restart")
	expect(t, found, "mounts", OK, "none")
	expect(t, found, "space", Warn, "free")

	must(t, unix.Mount(root, below, "", unix.MS_BIND, ""))
	defer func() { must(t, unix.Unmount(below, unix.MNT_DETACH)) }()
	must(t, unix.Mount(file, file, "", unix.MS_BIND, ""))
	defer func() { must(t, unix.Unmount(file, unix.MNT_DETACH)) }()
	expect(t, examine(t, root), "mounts", Warn, "a/b, file")

	must(t, unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	found = examine(t, root)
	expect(t, found, "writing", Fail, "nothing was tried")
	if _, tried := found["exchange"]; tried {
		t.Errorf("something was tried on a read-only mount: %v", found)
	}
	if got := names(t, root); got != "a file" {
		t.Errorf("left in the root: %s", got)
	}
}

// TestOverlay counts the layers of an overlay.
func TestOverlay(t *testing.T) {
	private(t)
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"))
	defer func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) }()
	for _, d := range []string{"low", "lower", "up", "work", "at it"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	at := filepath.Join(dir, "at it")
	options := "lowerdir=" + dir + "/low:" + dir + "/lower,upperdir=" + dir + "/up,workdir=" + dir + "/work"
	for _, tt := range []struct {
		option string
		level  Level
	}{{",redirect_dir=nofollow", Warn}, {",redirect_dir=on", OK}} {
		if err := unix.Mount("overlay", at, "overlay", 0, options+tt.option); err != nil {
			if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
				t.Fatalf("needs an overlay: %v", err)
			}
			t.Skipf("needs an overlay: %v", err)
		}
		found := examine(t, at)
		must(t, unix.Unmount(at, unix.MNT_DETACH))
		expect(t, found, "overlay", tt.level, "lower layers: 2")
		expect(t, found, "syncfs", Warn, "not trusted")
		if got := names(t, filepath.Join(dir, "up")); got != "" {
			t.Errorf("%s: left in the upper layer: %s", tt.option, got)
		}
	}
}

// cutOff is a context that ends when it has been asked n times.
type cutOff struct {
	context.Context
	n int
}

func (c *cutOff) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// TestInterrupted ends the examination at each point where it may end, with a store and without one: nothing is left.
func TestInterrupted(t *testing.T) {
	for _, stored := range []bool{false, true} {
		root := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(root, "a/b"), 0o755))
		if stored {
			commit(t, root)
		}
		before := names(t, root)
		n := 0
		for ; ; n++ {
			_, err := Examine(&cutOff{context.Background(), n}, root, nil)
			if got := names(t, root); got != before {
				t.Fatalf("stored %v, cut at %d: left %q, want %q", stored, n, got, before)
			}
			if stored && names(t, filepath.Join(root, ".txcommit/stage")) != "" {
				t.Fatalf("cut at %d: something is left in the stage folder", n)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
		if n < 10 {
			t.Errorf("only %d points at which it may end", n)
		}
	}
}

func commit(t *testing.T, root string) {
	t.Helper()
	st, err := txn.Open(context.Background(), root, nil)
	must(t, err)
	must(t, st.Update(context.Background(), func(tx *txn.Tx) error { return tx.WriteFile("f", []byte("f"), 0o644) }))
	must(t, st.Close())
}

// TestOverlayAt reads tables of mounts: the last one that covers the root counts, and names are escaped.
func TestOverlayAt(t *testing.T) {
	table := `22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - overlay overlay rw,lowerdir=/a:/b:/c,upperdir=/u,workdir=/w
31 30 0:41 / /srv/my\040site rw - overlay overlay rw,lowerdir+=/a,lowerdir+=/b,redirect_dir=on
32 30 0:42 / /srv/over rw - tmpfs tmpfs rw
broken line
`
	tests := []struct {
		at       string
		layers   int
		redirect bool
	}{
		{"/", 0, false},
		{"/srv", 3, false},
		{"/srvother", 0, false},
		{"/srv/x/y", 3, false},
		{"/srv/my site", 2, true},
		{"/srv/my site/deep", 2, true},
		{"/srv/over/x", 0, false},
	}
	for _, tt := range tests {
		if layers, redirect := overlayAt(table, tt.at); layers != tt.layers || redirect != tt.redirect {
			t.Errorf("%s: got %d, %v, want %d, %v", tt.at, layers, redirect, tt.layers, tt.redirect)
		}
	}
}
