//go:build linux

package live

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// A placement is something below a root that is apart from it as far as renames go.
type placement struct {
	name   string
	fs     sandbox.FS
	make   []string // a command in the root
	undo   []string
	op     string
	says   string // why it is refused, or empty
	asRoot string // a folder that works as a root
}

var (
	subvolume  = []string{"btrfs", "-q", "subvolume", "create", "s"}
	project    = []string{"sh", "-c", "mkdir p && chattr -p 42 +P p"}
	sealed     = []string{"sh", "-c", "mkdir e d && echo plain > plain && xfs_io -c \"set_encpolicy $(printf '%064d' 1 | xfs_io -c add_enckey . | grep -o '[^ ]*$')\" e && echo old > e/old"}
	encrypted  = sandbox.Ext4.With("ext4-encrypted", "-O", "encrypt")
	swapOn     = []string{"sh", "-c", "dd if=/dev/zero of=f bs=64k count=16 status=none && chmod 600 f && mkswap -q f && swapon f"}
	placements = []placement{
		{"xfs project", sandbox.XFS, project, nil, write("p/file"), "", "p"},
		{"btrfs subvolume", sandbox.Btrfs, subvolume, nil, write("s/file"), "", "s"},
		{
			"rename into an xfs project", sandbox.XFS, project, nil, `{"op": "rename", "from": "b", "to": "p/b"}`,
			"b and p/b are on different file systems, mounts, subvolumes or projects", "",
		},
		{
			"rename into a btrfs subvolume", sandbox.Btrfs, subvolume, nil, `{"op": "rename", "from": "b", "to": "s/b"}`,
			"b and s/b are on different file systems, mounts, subvolumes or projects", "",
		},
		{
			"btrfs subvolume removed", sandbox.Btrfs, subvolume, nil, `{"op": "remove", "path": "s", "recursive": true}`,
			"it is a mount point, which cannot be replaced", "",
		},
		{
			"btrfs subvolume renamed", sandbox.Btrfs, subvolume, nil, `{"op": "rename", "from": "s", "to": "s2"}`,
			"it is a mount point, which cannot be replaced", "",
		},
		{
			"encrypted folder", encrypted, sealed, nil, write("e/new"),
			"directory e is encrypted, and what is to come into it is not, or with another key", "e",
		},
		{"encrypted folder, file replaced", encrypted, sealed, nil, write("e/old"), "directory e is encrypted", ""},
		{
			"encrypted folder, renamed into", encrypted, sealed, nil, `{"op": "rename", "from": "plain", "to": "e/plain"}`,
			"directory e is encrypted", "",
		},
		{
			"encrypted folder, folder moved into", encrypted, sealed, nil, `{"op": "rename", "from": "d", "to": "e/d"}`,
			"directory e is encrypted", "",
		},
		{"swap file", sandbox.Ext4, swapOn, []string{"swapoff", "f"}, write("f"), "operation not permitted", ""},
	}
)

// TestPlacement has folders below a root that are no part of its file system as far as renames go, and a file that the
// kernel lets nobody replace. A transaction with one of them is committed; or it is refused whole, says why, and leaves the
// tree as it was. The same folder as a root of its own takes transactions.
func TestPlacement(t *testing.T) {
	for _, tt := range placements {
		t.Run(tt.name, tt.test)
	}
}

func (tt placement) test(t *testing.T) {
	needs(t, tt.fs)
	root := filepath.Join(mounted(t, tt.fs), "root")
	inside(t, filepath.Dir(root), "sh", "-c", "mkdir root && echo old > root/a && echo old > root/b")
	inside(t, root, tt.make...)
	if tt.undo != nil {
		defer inside(t, root, tt.undo...)
	}
	before, err := oracle.Look(root)
	if err != nil {
		t.Fatal(err)
	}
	said, exit := commit(t, root, write("a"), tt.op)
	if tt.says == "" {
		if left, err := filepath.Glob(root + "/*/.txcommit-*"); exit != 0 || err != nil || len(left) > 0 {
			t.Errorf("exit code %d, %+v; left: %q", exit, said, left)
		}
		tt.rooted(t, root)
		return
	}
	if exit != 1 || !strings.Contains(said.Error.Message, tt.says) || said.Error.Hint == "" {
		t.Errorf("exit code %d, %+v; want 1, %q and a hint", exit, said, tt.says)
	}
	t.Logf("%s: %s\nhint: %s", said.Result, said.Error.Message, said.Error.Hint)
	after, err := oracle.Look(root)
	if err != nil {
		t.Fatal(err)
	}
	after.State, before.State = nil, nil
	if err := oracle.SameSeen(before, after); err != nil {
		t.Error(err)
	}
	tt.rooted(t, root)
}

// rooted makes the folder a root.
func (tt placement) rooted(t *testing.T, root string) {
	if tt.asRoot == "" {
		return
	}
	if said, exit := commit(t, filepath.Join(root, tt.asRoot), write("new/file"), write("other")); exit != 0 {
		t.Errorf("as a root: exit code %d, %+v", exit, said)
	}
}

// mounted makes and mounts a file system until the test ends.
func mounted(t *testing.T, fs sandbox.FS) string {
	t.Helper()
	dir := sandbox.TempDir(t, "mounted-")
	image := filepath.Join(dir, "image")
	if err := fs.Make(image, 0); err != nil {
		t.Fatal(err)
	}
	m, err := fs.Mount(image, filepath.Join(dir, "mnt"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m.Dir
}

func inside(t *testing.T, dir string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
}

// answer is what a commit says.
type answer struct {
	Result string
	Error  struct{ Message, Hint string }
}

func write(path string) string { return `{"op": "write", "content": "new", "path": "` + path + `"}` }

// commit applies ops.
func commit(t *testing.T, root string, ops ...string) (said answer, exit int) {
	t.Helper()
	cmd := exec.Command(bin.Need(t), "apply", "-C", root, "-o", "json", "-")
	cmd.Stdin = strings.NewReader(`{"version": 1, "ops": [` + strings.Join(ops, ", ") + "]}")
	cmd.Stderr = os.Stderr
	out, _ := cmd.Output()
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return said, cmd.ProcessState.ExitCode()
}
