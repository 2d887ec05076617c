package txn_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// aclEntry is an entry of a POSIX ACL; see linux/posix_acl_xattr.h.
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

const nobody = 65534

func aclBytes(entries ...aclEntry) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, uint32(2))
	for _, e := range entries {
		_ = binary.Write(&b, binary.LittleEndian, e)
	}
	return b.Bytes()
}

// someACL lets user 65534 read and write beside the owner (rwx), the group (r-x), a mask and the others (---).
func someACL(mask uint16) []byte {
	const none = 0xffffffff
	return aclBytes(aclEntry{0x01, 7, none}, aclEntry{0x02, 6, nobody}, aclEntry{0x04, 5, none}, aclEntry{0x10, mask, none}, aclEntry{0x20, 0, none})
}

// attributes describes what a user sees of a file beside its content: mode, owner and extended attributes.
func attributes(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	out := fmt.Sprintf("%04o %d:%d", st.Mode&0o7777, st.Uid, st.Gid)
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(path, names)
	must(t, err)
	list := bytes.Split(bytes.TrimSuffix(names[:n], []byte{0}), []byte{0})
	slices.SortFunc(list, bytes.Compare)
	for _, name := range list {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, string(name), value)
		must(t, err)
		out += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return out
}

// TestKeepsAttributes replaces files that have something of their own: owner, setuid, attributes, an ACL (field.md 12).
// The new file has it all; with a mode of its own it has all but the mode.
func TestKeepsAttributes(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	type file struct {
		name string
		set  func(path string) error
	}
	files := []file{
		{"owner", func(p string) error { return os.Chown(p, nobody, 12345) }},
		{"setuid", func(p string) error {
			return joinErrs(os.Chown(p, nobody, nobody), os.Chmod(p, fs.ModeSetuid|fs.ModeSetgid|0o755))
		}},
		{"read only", func(p string) error { return os.Chmod(p, 0o400) }},
		{"attribute", func(p string) error { return unix.Setxattr(p, "user.note", []byte("kept"), 0) }},
		{"trusted", func(p string) error { return unix.Setxattr(p, "trusted.note", []byte("kept"), 0) }},
		{"ACL", func(p string) error { return unix.Setxattr(p, "system.posix_acl_access", someACL(6), 0) }},
		{"capability", func(p string) error {
			return unix.Setxattr(p, "security.capability", append([]byte{1, 0, 0, 2, 0, 4, 0, 0}, make([]byte, 12)...), 0)
		}},
	}
	var o []manifest.Op
	want := map[string]string{}
	for _, f := range files {
		p := filepath.Join(root, f.name)
		must(t, os.WriteFile(p, []byte("old"), 0o644))
		if err := f.set(p); err != nil {
			missing(t, "attributes on %s: %v", root, err)
		}
		want[f.name] = attributes(t, p)
		o = append(o, w(f.name, "new"))
	}
	st := open(t, root, nil)
	_, err := commitOps(st, o)
	must(t, err)
	for _, f := range files {
		p := filepath.Join(root, f.name)
		if got := attributes(t, p); got != want[f.name] {
			t.Errorf("%s: got %s, want %s", f.name, got, want[f.name])
		}
		if b, err := os.ReadFile(p); string(b) != "new" {
			t.Errorf("%s: got content %q, %v", f.name, b, err)
		}
	}
	_, err = commitOps(st, ops(moded(w("owner", "newer"), 0o4711), moded(w("attribute", "newer"), 0o600)))
	must(t, err)
	if got, want := attributes(t, filepath.Join(root, "owner")), "4711 65534:12345"; got != want {
		t.Errorf("owner with a mode: got %s, want %s", got, want)
	}
	if got, want := attributes(t, filepath.Join(root, "attribute")), fmt.Sprintf("0600 0:0 user.note=%x", "kept"); got != want {
		t.Errorf("attribute with a mode: got %s, want %s", got, want)
	}
}

func joinErrs(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestInherits compares what is new in a folder with what the kernel itself would have made there: umask, setgid, default
// ACLs, in the folder and in a new one below.
func TestInherits(t *testing.T) {
	needRoot(t)
	old := unix.Umask(0)
	defer unix.Umask(old)
	for _, mask := range []int{0, 0o022, 0o077, 0o137} {
		for _, kind := range []string{"plain", "setgid", "acl", "both"} {
			t.Run(fmt.Sprintf("umask %03o %s", mask, kind), func(t *testing.T) {
				unix.Umask(0)
				root := t.TempDir()
				for _, d := range []string{"ours", "theirs"} {
					heritage(t, filepath.Join(root, d), kind)
				}
				unix.Umask(mask)
				st := open(t, root, nil)
				must(t, st.Update(t.Context(), func(tx *txn.Tx) error {
					return joinErrs(tx.WriteFile("ours/file", []byte("x"), 0o666), tx.WriteFile("ours/tool", []byte("x"), 0o777),
						tx.WriteFile("ours/private", []byte("x"), 0o600), tx.Mkdir("ours/dir", 0o777), tx.Mkdir("ours/shut", 0o700),
						tx.Symlink("file", "ours/link"), tx.WriteFile("ours/new/deep/file", []byte("x"), 0o666), tx.Symlink("file", "ours/new/link"))
				}))
				theirs := filepath.Join(root, "theirs")
				must(t, joinErrs(os.WriteFile(theirs+"/file", nil, 0o666), os.WriteFile(theirs+"/tool", nil, 0o777),
					os.WriteFile(theirs+"/private", nil, 0o600), os.Mkdir(theirs+"/dir", 0o777), os.Mkdir(theirs+"/shut", 0o700),
					os.Symlink("file", theirs+"/link"), os.MkdirAll(theirs+"/new/deep", 0o777), os.WriteFile(theirs+"/new/deep/file", nil, 0o666),
					os.Symlink("file", theirs+"/new/link")))
				for _, p := range []string{"file", "tool", "private", "dir", "shut", "link", "new", "new/deep", "new/deep/file", "new/link"} {
					got, want := attributes(t, filepath.Join(root, "ours", p)), attributes(t, filepath.Join(theirs, p))
					if got != want {
						t.Errorf("%s: got %s, the kernel makes %s", p, got, want)
					}
				}
			})
		}
	}
}

// heritage makes a folder that hands something down.
func heritage(t *testing.T, path, kind string) {
	t.Helper()
	must(t, os.Mkdir(path, 0o755))
	if kind == "acl" || kind == "both" {
		if err := unix.Setxattr(path, "system.posix_acl_default", someACL(7), 0); err != nil {
			missing(t, "ACLs on %s: %v", path, err)
		}
	}
	if kind == "setgid" || kind == "both" {
		must(t, os.Chown(path, 0, 12345))
		must(t, os.Chmod(path, fs.ModeSetgid|0o775))
	}
}

// TestUndoPutsAttributesBack removes a folder and a link that have an owner, an ACL and attributes of their own, and undoes
// that: both are made anew, and must have them all.
func TestUndoPutsAttributesBack(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	plant(t, root, "d/plain/f=x", "d/f=x")
	must(t, os.Symlink("f", root+"/d/l"))
	must(t, os.Symlink("d", root+"/l"))
	must(t, os.Chmod(root+"/d", 0o750|fs.ModeSetgid))
	for _, name := range []string{"d/l", "l", "d/plain"} {
		must(t, os.Lchown(filepath.Join(root, name), nobody, nobody))
	}
	must(t, os.Chown(root+"/d", 0, nobody))
	must(t, os.Chmod(root+"/d", 0o750|fs.ModeSetgid))
	must(t, unix.Setxattr(root+"/d", "user.note", []byte("mine"), 0))
	for _, name := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
		must(t, unix.Setxattr(root+"/d", name, someACL(7), 0))
	}
	names := []string{"d", "d/f", "d/l", "d/plain", "d/plain/f", "l"}
	before := map[string]string{}
	for _, name := range names {
		before[name] = attributes(t, filepath.Join(root, name))
	}
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(rmAll("d"), rm("l")))
	must(t, err)
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	for _, name := range names {
		if got := attributes(t, filepath.Join(root, name)); got != before[name] {
			t.Errorf("%s is %s after the undo, want %s", name, got, before[name])
		}
	}
}

// TestRootInAUsersStore has root commit in the store of somebody else: what it leaves in the history must be that user's,
// who could not drop it otherwise.
func TestRootInAUsersStore(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(w("f", "old")))
	must(t, err)
	must(t, joinErrs(os.Chown(root, nobody, nobody), os.Chown(root+"/.txcommit", nobody, nobody)))
	var many []manifest.Op
	for i := range 50 {
		many = append(many, w(fmt.Sprint("f", i), "new"))
	}
	_, err = commitOps(st, many)
	must(t, err)
	kept, err := st.History(t.Context())
	must(t, err)
	for _, name := range []string{"", "0", "steps"} {
		at := filepath.Join(root, ".txcommit/history", kept[0].ID, name)
		if got := attributes(t, at); !strings.HasSuffix(got, " 65534:65534") {
			t.Errorf("%s is %s, want it to be of 65534:65534", name, got)
		}
	}
}

// TestGroupOfTheFolder makes files, folders and links on an ext4 whose mount option gives each new entry the group of its
// folder, and on one that has the option from its superblock, or not at all: they get the groups that the kernel gives.
func TestGroupOfTheFolder(t *testing.T) {
	needRoot(t)
	for name, options := range map[string][2]string{"mounted so": {"", "grpid"}, "tuned so": {"bsdgroups", "defaults"}, "neither": {"", "defaults"}} {
		t.Run(name, func(t *testing.T) {
			image, root := filepath.Join(t.TempDir(), "image"), t.TempDir()
			must(t, os.WriteFile(image, nil, 0o600))
			must(t, os.Truncate(image, 16<<20))
			for _, command := range [][]string{
				{"mkfs.ext4", "-q", image}, {"tune2fs", "-o", options[0], image}, {"mount", "-o", "loop," + options[1], image, root},
			} {
				if command[2] == "" {
					continue
				}
				if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
					missing(t, "ext4 on a loop device: %s: %v: %s", command[0], err, out)
				}
			}
			t.Cleanup(func() { must(t, unix.Unmount(root, unix.MNT_DETACH)) })
			must(t, os.Chown(root, 0, 4321)) // so has what is staged in it
			for dir, gid := range map[string]int{"own": os.Getegid(), "other": 4322} {
				must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
				must(t, os.Chown(filepath.Join(root, dir), 0, gid))
			}
			st := open(t, root, nil)
			for _, dir := range []string{"own", "other"} {
				for _, p := range []string{"native", "native.d", "native.l"} {
					p = filepath.Join(root, dir, p)
					switch filepath.Ext(p) {
					case ".d":
						must(t, os.Mkdir(p, 0o777))
					case ".l":
						must(t, os.Symlink("x", p))
					default:
						must(t, os.WriteFile(p, nil, 0o666))
					}
				}
				_, err := commitOps(st, ops(w(dir+"/ours", ""), mkdir(dir+"/ours.d"), ln(dir+"/ours.l", "x")))
				must(t, err)
				for _, kind := range []string{"", ".d", ".l"} {
					got, want := attributes(t, filepath.Join(root, dir, "ours"+kind)), attributes(t, filepath.Join(root, dir, "native"+kind))
					if got != want {
						t.Errorf("%s/ours%s: got %s, the kernel gives %s", dir, kind, got, want)
					}
				}
			}
		})
	}
}
