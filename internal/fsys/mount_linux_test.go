package fsys

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// private gives the test mounts of its own. The thread ends with the test, and the mounts with it.
func private(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		runtime.UnlockOSThread()
		needs(t, "mounts of its own: %v", err)
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		needs(t, "mounts of its own: %v", err)
	}
}

// RemoveAll stops at what is mounted below, a bind mount of the same device included, and leaves what is behind it; what
// is beside it may go.
func TestRemoveAllStopsAtMounts(t *testing.T) {
	for name, mount := range map[string]func(from, at string) error{
		"bind":  func(from, at string) error { return unix.Mount(from, at, "", unix.MS_BIND, "") },
		"tmpfs": func(_, at string) error { return unix.Mount("tmpfs", at, "tmpfs", 0, "size=1m") },
	} {
		for _, where := range []string{"tree/deep/mounted", "tree", "tree/file"} {
			t.Run(name+" at "+where, func(t *testing.T) {
				private(t) // a subtest is a goroutine, and so a thread, of its own
				d, path := tempDir(t)
				behind := filepath.Join(path, "behind")
				must(t, os.MkdirAll(filepath.Join(path, "tree/deep"), 0o755))
				at := filepath.Join(path, where)
				if where == "tree/file" {
					if name == "tmpfs" {
						return // goes on a folder only
					}
					write(t, behind, "kept")
					write(t, at, "under")
				} else {
					must(t, os.MkdirAll(at, 0o755))
					must(t, os.MkdirAll(behind, 0o755))
					write(t, filepath.Join(behind, "kept"), "kept")
				}
				must(t, mount(behind, at))
				defer func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) }()
				if name == "tmpfs" {
					write(t, filepath.Join(at, "kept"), "kept")
				}
				if err := d.RemoveAll("tree"); err != unix.EBUSY {
					t.Errorf("RemoveAll = %v, want EBUSY", err)
				}
				kept := filepath.Join(at, "kept")
				if where == "tree/file" {
					kept = at
				}
				if got := read(t, kept); got != "kept" {
					t.Errorf("what is mounted holds %q", got)
				}
			})
		}
	}
}

// RemoveAll deletes links, not what they lead to, and special files; folders that are closed to us are opened.
func TestRemoveAll(t *testing.T) {
	d, path := tempDir(t)
	must(t, os.MkdirAll(filepath.Join(path, "tree/a/b"), 0o755))
	must(t, os.Mkdir(filepath.Join(path, "other"), 0o755))
	write(t, filepath.Join(path, "other/kept"), "kept")
	must(t, os.Symlink("../other", filepath.Join(path, "tree/link")))
	must(t, os.Symlink("../../../other/kept", filepath.Join(path, "tree/a/b/link")))
	must(t, unix.Mkfifo(filepath.Join(path, "tree/fifo"), 0o600))
	must(t, os.Link(filepath.Join(path, "other/kept"), filepath.Join(path, "tree/a/hard")))
	must(t, os.Chmod(filepath.Join(path, "tree/a/b"), 0))
	must(t, os.Chmod(filepath.Join(path, "tree/a"), 0o500))
	must(t, d.RemoveAll("tree"))
	if stat(t, d, "tree").Exists() {
		t.Error("the tree is still there")
	}
	if got := read(t, filepath.Join(path, "other/kept")); got != "kept" {
		t.Errorf("the file that links led to holds %q", got)
	}
	must(t, d.RemoveAll("tree")) // nothing there is no error
	must(t, d.Symlink("other", "link"))
	must(t, d.RemoveAll("link"))
	if stat(t, d, "link").Exists() || !stat(t, d, "other").Exists() {
		t.Error("the link was followed")
	}
}

// The file system of a folder is known by its name; one of memory takes a syncfs.
func TestVolume(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/dev/shm", "/proc"} {
		d, err := OpenDir(dir)
		if err != nil {
			t.Logf("%s: %v", dir, err)
			continue
		}
		v, err := d.Volume()
		must(t, err)
		must(t, d.Close())
		t.Logf("%s: %+v", dir, v)
		if v.Name == "" {
			t.Errorf("%s has no name", dir)
		}
		if dir == "/dev/shm" && v.Name == "tmpfs" && !v.SyncFS {
			t.Error("a tmpfs takes no syncfs")
		}
		if dir == "/proc" && (v.SyncFS || v.Name != "0x9fa0") {
			t.Errorf("proc is %+v, want an unknown one that is not trusted with syncfs", v)
		}
	}
	for magic, v := range volumes {
		if v.Unsafe != "" && v.SyncFS {
			t.Errorf("%x, %s: unsafe, and trusted with syncfs", magic, v.Name)
		}
	}
}

// A mount is told from the folder beneath it by Stat, whichever device it is on.
func TestMountRoot(t *testing.T) {
	private(t)
	d, path := tempDir(t)
	must(t, d.Mkdir("at", 0o755))
	must(t, d.Mkdir("from", 0o755))
	before, from := stat(t, d, "at"), stat(t, d, "from")
	if before.MountRoot || !before.SameFS(from) {
		t.Errorf("before: %+v", before)
	}
	at := filepath.Join(path, "at")
	must(t, unix.Mount(filepath.Join(path, "from"), at, "", unix.MS_BIND, ""))
	defer func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) }()
	i := stat(t, d, "at")
	if !i.MountRoot || i.SameFS(before) || i.Dev != before.Dev || i.ID != from.ID {
		t.Errorf("mounted: %+v, before %+v, what is mounted %+v", i, before, from)
	}
}
