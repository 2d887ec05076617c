//go:build linux

package live

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

// acl lets user 1000 in, beside the owner, the group and a mask.
func acl() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	const none = 0xffffffff
	for _, e := range [][3]uint32{{1, 7, none}, {2, 6, 1000}, {4, 5, none}, {16, 7, none}, {32, 0, none}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

// dress describes the inode at a path but for its content: its number, and apart from that mode, owner and extended
// attributes. Nothing is there: empty.
func dress(path string) (ino uint64, attributes string) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0, ""
	}
	out := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
	names := make([]byte, 4096)
	n, _ := unix.Llistxattr(path, names)
	for _, name := range strings.Split(string(names[:max(n, 0)]), "\x00") {
		value := make([]byte, 1024)
		if n, err := unix.Lgetxattr(path, name, value); err == nil && name != "" {
			out += fmt.Sprintf(" %s=%x", name, value[:n])
		}
	}
	return st.Ino, out
}

// TestVisible looks at the targets of a commit before each of its calls: as soon as there is another inode at a path, its
// mode, owner, ACL and attributes are those that it has at the end, and those of the file that it replaces, or of one that
// the kernel itself makes in the folder.
func TestVisible(t *testing.T) {
	needs(t, sandbox.Ext4)
	dir := mounted(t, sandbox.Ext4)
	root := filepath.Join(dir, "root")
	inside(t, dir, "sh", "-c", "mkdir root root/d && touch root/acl root/setuid root/attr && chown 1000:1001 root/setuid root/attr && "+
		"chmod 6751 root/setuid && chgrp 1001 root/d && chmod 2775 root/d")
	for name, attr := range map[string]string{
		"acl": "system.posix_acl_access", "attr": "user.note", "setuid": "security.note", "d": "system.posix_acl_default",
	} {
		if err := unix.Setxattr(filepath.Join(root, name), attr, acl(), 0); err != nil {
			t.Fatal(name, err)
		}
	}
	want := map[string]string{}
	for _, name := range []string{"acl", "setuid", "attr"} {
		_, want[name] = dress(filepath.Join(root, name))
	}
	inside(t, root, "touch", "d/native") // what the kernel makes of a new file
	_, want["d/new"] = dress(filepath.Join(root, "d/native"))
	before := map[string]uint64{}
	for name := range want {
		before[name], _ = dress(filepath.Join(root, name))
	}
	manifest := filepath.Join(dir, "m.json")
	ops := []string{write("acl"), write("setuid"), write("attr"), write("d/new")}
	if err := os.WriteFile(manifest, []byte(`{"version": 1, "ops": [`+strings.Join(ops, ", ")+"]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	res, err := supervise.Run(supervise.Fault{Match: func(supervise.Call) bool {
		for name, is := range want {
			ino, attributes := dress(filepath.Join(root, name))
			if ino == before[name] {
				continue
			}
			if seen[name]++; attributes != is {
				t.Errorf("%s shows as %s, want %s", name, attributes, is)
			}
		}
		return true
	}}, supervise.Options{Timeout: stepLimit}, bin.Need(t), "apply", "-C", root, manifest)
	if err != nil || res.ExitCode != 0 {
		t.Fatalf("exit code %d, %v\n%s", res.ExitCode, err, res.Stderr)
	}
	for name, is := range want {
		if _, attributes := dress(filepath.Join(root, name)); attributes != is || seen[name] == 0 {
			t.Errorf("%s is %s at the end, want %s; seen %d times before", name, attributes, is, seen[name])
		}
	}
}
