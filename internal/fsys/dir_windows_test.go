package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// writeDeep writes a file, and makes the folders above it.
func writeDeep(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	write(t, path, content)
}

func wants(t testing.TB, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// What a name must not be: a way elsewhere, a stream, a device, or a second name of something.
func TestRefusedNames(t *testing.T) {
	d, path := tempDir(t)
	write(t, filepath.Join(path, "long name of a file"), "")
	for _, name := range []string{
		"", "..", "a/..", `a\b`, "a:b", "a::$DATA", "x.", "x ", "x. ", "con", "NUL", "nul.txt", "com1.log", "LPT³", "conin$",
		"LONGNA~1", "txcomm~1", "A~2.TXT", "a*", "a?", `a"`, "a<b", "a|b", "a\x01", "a\xff",
	} {
		if _, err := d.Stat(name); err != windows.ERROR_INVALID_NAME {
			t.Errorf("Stat of %q: %v, want ERROR_INVALID_NAME", name, err)
		}
		if f, err := d.Create(name, 0o600); err == nil {
			t.Errorf("Create of %q worked", name)
			_ = f.Close()
		}
	}
	for _, name := range []string{"a~b", "~1", "longer name~1.txt", "com10", "console", "nulls", ".a", "ä.ö", "a.b.c~1"} {
		f, err := d.Create(name, 0o600)
		if err != nil {
			t.Errorf("Create of %q: %v", name, err)
			continue
		}
		must(t, f.Close())
		if got := stat(t, d, name); got.Kind != File {
			t.Errorf("%q is %+v", name, got)
		}
	}
	if got := stat(t, d, "LONG Name OF a file"); got.ID != stat(t, d, "long name of a file").ID {
		t.Error("a name in another case is another file")
	}
}

func TestStat(t *testing.T) {
	d, path := tempDir(t)
	if i := stat(t, d, "none"); i != (Info{}) {
		t.Errorf("nothing is %+v", i)
	}
	writeDeep(t, filepath.Join(path, "folder/file"), "12345")
	must(t, d.Link("folder/file", d, "second"))
	i := stat(t, d, "second")
	if i.Kind != File || i.Size != 5 || i.Nlink != 2 || i.Mode != 0o644 || i.ID != stat(t, d, "folder/file").ID || i.UID != uint32(os.Geteuid()) {
		t.Errorf("a file with two names is %+v", i)
	}
	if i := stat(t, d, "folder"); i.Kind != Folder || i.Mode != 0o755 || i.ID.IsZero() {
		t.Errorf("a folder is %+v", i)
	}
	must(t, d.SetMtime("second", 1e18))
	if got := stat(t, d, "folder/file").Mtime; got != 1e18 {
		t.Errorf("modified at %d, want 1e18", got)
	}
	_, err := d.Sub("second")
	wants(t, "Sub of a file", err, syscall.ENOTDIR)
	_, err = d.Sub("none")
	wants(t, "Sub of nothing", err, syscall.ENOENT)
	_, err = d.Open("none")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing: %v", err)
	}
	sub, err := d.Beneath("./folder/.")
	must(t, err)
	defer sub.Close()
	if self, err := sub.Self(); err != nil || self.ID != stat(t, d, "folder").ID {
		t.Errorf("Beneath leads to %+v, %v", self, err)
	}
	names, err := d.Names()
	slices.Sort(names)
	if want := []string{"folder", "second"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("Names = %q, %v; want %q", names, err, want)
	}
	if v, err := d.Volume(); err != nil || v.Name == "" || v.SyncFS {
		t.Errorf("Volume = %+v, %v", v, err)
	}
}

func TestRename(t *testing.T) {
	d, path := tempDir(t)
	for _, name := range []string{"a", "b", "folder/x", "s/place", "s/other"} {
		writeDeep(t, filepath.Join(path, name), name)
	}
	s, err := d.Sub("s")
	must(t, err)
	defer s.Close()
	wants(t, "RenameNoReplace over a file", d.RenameNoReplace("a", d, "b"), syscall.EEXIST)
	wants(t, "RenameNoReplace of nothing", d.RenameNoReplace("none", d, "b"), syscall.ENOENT)
	wants(t, "Create over a file", func() error { _, err := d.Create("a", 0o600); return err }(), syscall.EEXIST)
	wants(t, "Mkdir over a folder", d.Mkdir("s", 0o700), syscall.EEXIST)
	must(t, d.Chmod("b", stat(t, d, "b").ID, 0o444))
	must(t, d.Rename("b", s, "other"))
	if got := stat(t, d, "s/other"); got.Mode != 0o444 || stat(t, d, "b").Exists() {
		t.Errorf("the read-only file is %+v now", got)
	}
	must(t, d.Chmod("s/other", stat(t, d, "s/other").ID, 0o644))
	must(t, d.Rename("a", d, "s/other"))
	if got := read(t, filepath.Join(path, "s/other")); got != "a" {
		t.Errorf("a file that was renamed over another one holds %q", got)
	}
	id := stat(t, d, "folder").ID
	must(t, d.Rename("folder", s, "place")) // FolderOverFile
	if got := stat(t, s, "place"); got.ID != id {
		t.Errorf("the folder that was renamed over a file is %+v", got)
	}
	must(t, s.RenameNoReplace("place", d, "again"))
	if got := read(t, filepath.Join(path, "again/x")); got != "folder/x" {
		t.Errorf("again/x holds %q", got)
	}
	wants(t, "Exchange", d.Exchange("s", d, "again"), ErrUnsupported)
}

func TestRemove(t *testing.T) {
	d, path := tempDir(t)
	writeDeep(t, filepath.Join(path, "folder/sub/file"), "")
	writeDeep(t, filepath.Join(path, "folder/only"), "")
	write(t, filepath.Join(path, "only"), "")
	wants(t, "Unlink of a folder", d.Unlink("folder"), syscall.EISDIR)
	wants(t, "Rmdir of a file", d.Rmdir("only"), syscall.ENOTDIR)
	wants(t, "Rmdir of a full folder", d.Rmdir("folder"), syscall.ENOTEMPTY)
	wants(t, "Unlink of nothing", d.Unlink("none"), syscall.ENOENT)
	for _, name := range []string{"only", "folder/only"} {
		must(t, d.Chmod(name, stat(t, d, name).ID, 0o444))
	}
	must(t, d.Unlink("only"))
	must(t, d.RemoveAll("folder"))
	must(t, d.RemoveAll("none"))
	if names, err := d.Names(); err != nil || len(names) != 0 {
		t.Errorf("left: %q, %v", names, err)
	}
}

// A read-only file is made durable too, and stays read-only.
func TestSyncFile(t *testing.T) {
	d, path := tempDir(t)
	write(t, filepath.Join(path, "file"), "x")
	for _, mode := range []uint32{0o644, 0o444} {
		must(t, d.Chmod("file", stat(t, d, "file").ID, mode))
		f, err := d.Open("file")
		must(t, err)
		must(t, SyncFile(f))
		must(t, ChmodFile(f, mode))
		must(t, f.Close())
		if got := stat(t, d, "file").Mode; got != mode {
			t.Errorf("mode %o after the sync, want %o", got, mode)
		}
	}
	wants(t, "Chmod of another file", d.Chmod("file", ID{Ino: 1}, 0o644), syscall.ESTALE)
}

// What is locked can be read. Nobody keeps anybody out of a folder.
func TestTryLockReads(t *testing.T) {
	d, path := tempDir(t)
	write(t, filepath.Join(path, "lock"), "text")
	try(t, lockFile(t, d), true, true)
	if got := read(t, filepath.Join(path, "lock")); got != "text" {
		t.Errorf("a locked file holds %q", got)
	}
	other, err := d.Sub(".")
	must(t, err)
	defer other.Close()
	try(t, d.Handle(), true, true)
	try(t, other.Handle(), true, true)
}

// What somebody else has open and does not share is waited for, for a while.
func TestSharingViolation(t *testing.T) {
	d, path := tempDir(t)
	file := filepath.Join(path, "file")
	write(t, file, "x")
	hold := func() windows.Handle {
		t.Helper()
		name, err := windows.UTF16PtrFromString(file)
		must(t, err)
		h, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
		must(t, err)
		return h
	}
	h := hold()
	time.AfterFunc(20*time.Millisecond, func() { _ = windows.CloseHandle(h) })
	f, err := d.Open("file")
	must(t, err)
	must(t, f.Close())
	h = hold()
	defer windows.CloseHandle(h)
	wants(t, "Unlink of a file in use", d.Unlink("file"), windows.ERROR_SHARING_VIOLATION)
	_, err = d.Open("file")
	wants(t, "Open of a file in use", err, windows.ERROR_SHARING_VIOLATION)
	if got := stat(t, d, "file"); got.Size != 1 {
		t.Errorf("a file in use is %+v", got)
	}
}

// A folder follows its number, also when it is renamed, and is of no use once it is closed.
func TestByNumber(t *testing.T) {
	d, path := tempDir(t)
	writeDeep(t, filepath.Join(path, "a/b/file"), "x")
	b, err := d.Beneath("a/b")
	must(t, err)
	must(t, d.Rename("a", d, "moved"))
	f, err := b.Create("new", 0o600)
	must(t, err)
	must(t, f.Close())
	if got := stat(t, d, "moved/b/new"); got.Kind != File {
		t.Errorf("what was made in a folder that had been renamed is %+v", got)
	}
	must(t, b.Close())
	wants(t, "Close again", b.Close(), os.ErrClosed)
	if _, err := b.Stat("new"); err != os.ErrClosed {
		t.Errorf("Stat in a closed folder: %v", err)
	}
	stat(t, d, "moved") // the others work on
}

// Where folders cannot be opened by their numbers they stay open: sources may be there.
func TestHeld(t *testing.T) {
	d, path := tempDir(t)
	writeDeep(t, filepath.Join(path, "a/file"), "content")
	d.volume.numbers = false
	a, err := d.Sub("a")
	must(t, err)
	defer a.Close()
	if names, err := a.Names(); err != nil || !slices.Equal(names, []string{"file"}) {
		t.Errorf("Names = %q, %v", names, err)
	}
	if self, err := a.Self(); err != nil || self.ID != stat(t, d, "a").ID {
		t.Errorf("Self = %+v, %v", self, err)
	}
	f, err := a.Open("file")
	must(t, err)
	must(t, f.Close())
	if v, err := a.Volume(); err != nil || v.Unusable == "" {
		t.Errorf("Volume = %+v, %v; want it unusable", v, err)
	}
}
