//go:build unix

package fsys

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing that is there is the zero Info and no error; everything else is described.
func TestStat(t *testing.T) {
	d, path := tempDir(t)
	if i, err := d.Stat("none"); err != nil || i != (Info{}) || i.Exists() {
		t.Errorf("Stat of nothing = %+v, %v; want the zero Info", i, err)
	}
	write(t, filepath.Join(path, "file"), "12345")
	must(t, unix.Chmod(filepath.Join(path, "file"), 0o4750))
	must(t, os.Link(filepath.Join(path, "file"), filepath.Join(path, "second")))
	must(t, os.Mkdir(filepath.Join(path, "folder"), 0o755))
	must(t, os.Symlink("file", filepath.Join(path, "link")))
	must(t, unix.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	for name, kind := range map[string]Kind{"file": File, "folder": Folder, "link": Link, "fifo": Special} {
		i := stat(t, d, name)
		if i.Kind != kind || !i.Exists() || i.ID.IsZero() {
			t.Errorf("%s is %+v, want %s", name, i, kind)
		}
	}
	if i := stat(t, d, "file"); i.Size != 5 || i.Mode != 0o4750 || i.Nlink != 2 || i.ID != stat(t, d, "second").ID {
		t.Errorf("file is %+v, want 5 bytes, mode 4750, 2 links", i)
	}
	f, err := d.Open("file")
	must(t, err)
	defer f.Close()
	if i, err := StatFile(f); err != nil || i.ID != stat(t, d, "file").ID {
		t.Errorf("StatFile = %+v, %v", i, err)
	}
	if i, err := d.StatBeneath("folder/.."); err != nil || i.Kind != Folder {
		t.Errorf("StatBeneath = %+v, %v", i, err)
	}
	if _, err := d.Stat(strings.Repeat("n", 256)); err != syscall.ENAMETOOLONG {
		t.Errorf("Stat of a long name: %v, want ENAMETOOLONG", err)
	}
}

// A file that gets the inode number of a deleted one is another one.
func TestIDIsNotReused(t *testing.T) {
	d, path := tempDir(t)
	seen := map[ID]bool{}
	numbers := map[uint64]bool{}
	reused := false
	for range 50 {
		write(t, filepath.Join(path, "f"), "")
		i := stat(t, d, "f")
		if i.ID.Born == 0 {
			needs(t, "a file system that keeps birth times")
		}
		if seen[i.ID] {
			t.Fatalf("%+v came twice", i.ID)
		}
		reused = reused || numbers[i.ID.Ino]
		seen[i.ID], numbers[i.ID.Ino] = true, true
		must(t, d.Unlink("f"))
	}
	t.Logf("inode numbers are reused here: %v", reused)
}

// beneath are the two ways to open a folder by its path: with openat2, and by single steps where that is missing.
var beneath = map[string]func(*Dir, string) (*Dir, error){"Beneath": (*Dir).Beneath, "walk": (*Dir).walk}

// A path is followed as long as it consists of folders. No link is followed, wherever it leads, and nothing leads out.
func TestBeneath(t *testing.T) {
	d, path := tempDir(t)
	must(t, os.MkdirAll(filepath.Join(path, "in/a/b"), 0o755))
	must(t, os.Mkdir(filepath.Join(path, "out"), 0o755))
	write(t, filepath.Join(path, "in/file"), "content")
	for name, target := range map[string]string{"self": ".", "up": "..", "sideways": "a", "out": "../out", "root": "/", "none": "nowhere"} {
		must(t, os.Symlink(target, filepath.Join(path, "in", name)))
	}
	in, err := d.Sub("in")
	must(t, err)
	defer in.Close()
	for name, open := range beneath {
		for _, rel := range []string{"a", "a/b", "./a", "."} {
			got, err := open(in, rel)
			if err != nil {
				t.Errorf("%s %q: %v", name, rel, err)
				continue
			}
			self, err := got.Self()
			must(t, err)
			want, err := os.Stat(filepath.Join(path, "in", rel))
			must(t, err)
			if self.ID.Ino != want.Sys().(*syscall.Stat_t).Ino {
				t.Errorf("%s %q leads elsewhere", name, rel)
			}
			must(t, got.Close())
		}
		for _, rel := range []string{"self", "up", "sideways", "out", "root", "none", "self/a", "sideways/b", "a/none", "file", "file/a"} {
			if got, err := open(in, rel); err == nil {
				t.Errorf("%s %q was opened", name, rel)
				_ = got.Close()
			}
		}
	}
	for _, rel := range []string{"..", "/", "/tmp", "a/../..", "../in"} {
		if got, err := in.Beneath(rel); err == nil {
			t.Errorf("Beneath %q was opened", rel)
			_ = got.Close()
		}
	}
	if _, err := in.Sub("sideways"); err != syscall.ENOTDIR && err != syscall.ELOOP {
		t.Errorf("Sub of a link: %v, want an error", err)
	}
}

// Files are opened by name only: a link is refused, and a FIFO does not block.
func TestOpen(t *testing.T) {
	d, path := tempDir(t)
	write(t, filepath.Join(path, "file"), "content")
	must(t, os.Symlink("file", filepath.Join(path, "link")))
	must(t, unix.Mkfifo(filepath.Join(path, "fifo"), 0o600))
	if _, err := d.Open("link"); err != syscall.ELOOP {
		t.Errorf("Open of a link: %v, want ELOOP", err)
	}
	if _, err := d.OpenOrCreate("link", 0o600); err != syscall.ELOOP {
		t.Errorf("OpenOrCreate of a link: %v, want ELOOP", err)
	}
	f, err := d.Open("fifo")
	must(t, err)
	must(t, f.Close())
	if _, err := d.Create("file", 0o600); err != syscall.EEXIST {
		t.Errorf("Create over a file: %v, want EEXIST", err)
	}
	if _, err := d.Create("link", 0o600); err != syscall.EEXIST {
		t.Errorf("Create over a link: %v, want EEXIST", err)
	}
	if got := read(t, filepath.Join(path, "file")); got != "content" {
		t.Errorf("the file holds %q", got)
	}
	if target, err := d.ReadLink("link"); err != nil || target != "file" {
		t.Errorf("ReadLink = %q, %v", target, err)
	}
	long := strings.Repeat("t", 3000)
	must(t, d.Symlink(long, "long"))
	if target, err := d.ReadLink("long"); err != nil || target != long {
		t.Errorf("ReadLink of a long target: %d bytes, %v", len(target), err)
	}
}

// Names lists all and can be called again, also from many at once.
func TestNames(t *testing.T) {
	d, path := tempDir(t)
	want := []string{"a", "b\n", "c\xff", strings.Repeat("n", 255)}
	for _, n := range want {
		write(t, filepath.Join(path, n), "")
	}
	slices.Sort(want)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			names, err := d.Names()
			slices.Sort(names)
			if err == nil && !slices.Equal(names, want) {
				err = errors.New("got " + strings.Join(names, " "))
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A lock changes its kind when it is taken again; a folder can be locked too.
func TestTryLockAgain(t *testing.T) {
	d, _ := tempDir(t)
	f := lockFile(t, d)
	try(t, f, true, true)
	try(t, f, false, true)
	try(t, lockFile(t, d), false, true)
	other, err := d.Sub(".")
	must(t, err)
	defer other.Close()
	try(t, d.Handle(), true, true)
	try(t, other.Handle(), false, false)
}
