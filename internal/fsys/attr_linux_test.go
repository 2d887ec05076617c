package fsys

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Chmod changes the inode that was meant, and nothing that has taken its name.
func TestChmod(t *testing.T) {
	d, path := tempDir(t)
	write(t, filepath.Join(path, "f"), "")
	must(t, d.Mkdir("folder", 0o755))
	must(t, d.Symlink("f", "link"))
	for _, tc := range []struct {
		name string
		mode uint32
	}{{"f", 0o4711}, {"f", 0}, {"f", 0o640}, {"folder", 0o1777}, {"folder", 0}} {
		must(t, d.Chmod(tc.name, stat(t, d, tc.name).ID, tc.mode))
		if got := stat(t, d, tc.name).Mode; got != tc.mode {
			t.Errorf("%s has mode %o, want %o", tc.name, got, tc.mode)
		}
	}
	old := stat(t, d, "f")
	write(t, filepath.Join(path, "other"), "")
	must(t, d.Rename("other", d, "f"))
	before := stat(t, d, "f").Mode
	for what, id := range map[string]ID{
		"deleted":         old.ID,
		"same number":     {Ino: stat(t, d, "f").ID.Ino, Born: 1},
		"nothing":         {},
		"another's":       stat(t, d, "folder").ID,
		"the link's file": stat(t, d, "link").ID,
	} {
		if err := d.Chmod("f", id, 0o777); err != syscall.ESTALE {
			t.Errorf("Chmod as %s: %v, want ESTALE", what, err)
		}
	}
	if err := d.Chmod("link", stat(t, d, "link").ID, 0o777); err != syscall.ELOOP {
		t.Errorf("Chmod of a link: %v, want ELOOP", err)
	}
	if err := d.Chmod("none", old.ID, 0o777); err != syscall.ENOENT {
		t.Errorf("Chmod of nothing: %v, want ENOENT", err)
	}
	if got := stat(t, d, "f").Mode; got != before {
		t.Errorf("the file's mode is %o, was %o", got, before)
	}
}

// Extended attributes are read from what the path leads to without links, and set unless they are equal.
func TestXattrs(t *testing.T) {
	d, path := tempDir(t)
	must(t, d.Mkdir("a", 0o755))
	write(t, filepath.Join(path, "a/f"), "")
	must(t, d.Symlink("a", "link"))
	if x, err := d.Xattrs("a/f"); err != nil || len(x) != 0 {
		t.Fatalf("Xattrs of a plain file = %v, %v", x, err)
	}
	f, err := os.OpenFile(filepath.Join(path, "a/f"), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	want := []Xattr{{"user.a", []byte("1")}, {"user.b", []byte{}}, {"user.long", []byte(strings.Repeat("v", 2000))}}
	for _, x := range want {
		if err := SetXattr(f, x); err == syscall.ENOTSUP {
			needs(t, "user extended attributes: %v", err)
		} else {
			must(t, err)
		}
	}
	must(t, SetXattr(f, want[0]))
	must(t, unix.Chmod(filepath.Join(path, "a/f"), 0))
	got, err := d.Xattrs("a/f")
	must(t, err)
	if fmt.Sprint(sorted(got)) != fmt.Sprint(want) {
		t.Errorf("Xattrs = %v, want %v", got, want)
	}
	for _, rel := range []string{"link/f", "../" + filepath.Base(path) + "/a/f", "none"} {
		if x, err := d.Xattrs(rel); err == nil {
			t.Errorf("Xattrs %q = %v, want an error", rel, x)
		}
	}
}

func sorted(x []Xattr) []Xattr {
	slices.SortFunc(x, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return x
}

const (
	aclUser  = 0x02
	aclGroup = 0x08
	noID     = 0xffffffff
)

// aclOf makes an ACL of tag, permissions, id.
func aclOf(entries ...[3]uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

var acls = map[string][]byte{
	"none":    nil,
	"minimal": aclOf([3]uint32{aclUserObj, 7, noID}, [3]uint32{aclGroupObj, 5, noID}, [3]uint32{aclOther, 4, noID}),
	"narrow":  aclOf([3]uint32{aclUserObj, 4, noID}, [3]uint32{aclGroupObj, 0, noID}, [3]uint32{aclOther, 0, noID}),
	"named": aclOf([3]uint32{aclUserObj, 7, noID}, [3]uint32{aclUser, 6, 4321}, [3]uint32{aclGroupObj, 5, noID},
		[3]uint32{aclGroup, 7, 4322}, [3]uint32{aclMask, 7, noID}, [3]uint32{aclOther, 5, noID}),
	"masked": aclOf([3]uint32{aclUserObj, 6, noID}, [3]uint32{aclUser, 7, 4321}, [3]uint32{aclGroupObj, 7, noID},
		[3]uint32{aclMask, 4, noID}, [3]uint32{aclOther, 0, noID}),
}

// described is all that a file or folder can inherit.
func described(t *testing.T, d *Dir, name string) string {
	t.Helper()
	i := stat(t, d, name)
	x, err := d.Xattrs(name)
	must(t, err)
	return fmt.Sprintf("mode %04o uid %d gid %d %x", i.Mode, i.UID, i.GID, sorted(x))
}

// make makes a file or a folder as open and mkdir do, and returns a handle.
func makeEntry(t *testing.T, d *Dir, name string, perm uint32, folder bool) *os.File {
	t.Helper()
	if !folder {
		f, err := d.Create(name, perm)
		must(t, err)
		return f
	}
	must(t, d.Mkdir(name, perm))
	sub, err := d.Sub(name)
	must(t, err)
	return sub.Handle()
}

// What is made elsewhere and inherits afterwards is just what the kernel makes natively in the folder: mode, group and
// ACLs, for each umask, permission, default ACL, and for folders with and without setgid.
func TestInherit(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	if os.Geteuid() != 0 {
		needs(t, "root, to give a folder a group")
	}
	for name, acl := range acls {
		for _, setgid := range []bool{false, true} {
			t.Run(fmt.Sprintf("acl %s setgid %v", name, setgid), func(t *testing.T) {
				unix.Umask(0)
				d, path := tempDir(t)
				target, plain := filepath.Join(path, "target"), filepath.Join(path, "plain")
				must(t, os.Mkdir(target, 0o755))
				must(t, os.Mkdir(plain, 0o700))
				if setgid {
					must(t, os.Chown(target, -1, 4323))
					must(t, unix.Chmod(target, 0o2775))
				}
				if acl != nil {
					if err := unix.Setxattr(target, aclDefault, acl, 0); err == unix.ENOTSUP {
						needs(t, "ACLs: %v", err)
					} else {
						must(t, err)
					}
				}
				td, err := d.Sub("target")
				must(t, err)
				defer td.Close()
				pd, err := d.Sub("plain")
				must(t, err)
				defer pd.Close()
				self, err := td.Self()
				must(t, err)
				h, err := td.Heritage(self)
				must(t, err)
				if string(h.DefaultACL) != string(acl) || h.SetGID != setgid {
					t.Fatalf("heritage is %+v", h)
				}
				compareInherited(t, td, pd, h)
			})
		}
	}
}

func compareInherited(t *testing.T, native, plain *Dir, h Heritage) {
	t.Helper()
	n := 0
	for _, umask := range []int{0, 0o022, 0o027, 0o077, 0o777} {
		for _, perm := range []uint32{0o666, 0o644, 0o600, 0o777, 0o750, 0o070, 0} {
			for _, folder := range []bool{false, true} {
				n++
				name := fmt.Sprint(n)
				unix.Umask(umask)
				must(t, makeEntry(t, native, name, perm, folder).Close())
				f := makeEntry(t, plain, name, perm, folder)
				must(t, Inherit(f, h, perm, folder))
				must(t, f.Close())
				unix.Umask(0)
				if got, want := described(t, plain, name), described(t, native, name); got != want {
					t.Errorf("umask %03o perm %03o folder %v: inherited %s, the kernel gives %s", umask, perm, folder, got, want)
				}
			}
		}
	}
}

// Private takes back what a folder has inherited.
func TestPrivate(t *testing.T) {
	if os.Geteuid() != 0 {
		needs(t, "root, to give a folder a group")
	}
	d, path := tempDir(t)
	must(t, os.Chown(path, -1, 4323))
	must(t, unix.Chmod(path, 0o2777))
	if err := unix.Setxattr(path, aclDefault, acls["named"], 0); err != nil {
		needs(t, "ACLs: %v", err)
	}
	must(t, d.Mkdir("in", 0o755))
	in, err := d.Sub("in")
	must(t, err)
	defer in.Close()
	must(t, in.Private())
	x, err := d.Xattrs("in")
	must(t, err)
	if i := stat(t, d, "in"); i.Mode != 0o700 || len(x) != 0 {
		t.Errorf("mode %o, attributes %v; want 0700 and none", i.Mode, x)
	}
}
