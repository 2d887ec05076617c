package txn_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStateFolderOfAnother has a state folder that belongs to another user, in a root of one's own: whoever owns it could
// change it at any time, so it is refused by every way in, and left as it is.
func TestStateFolderOfAnother(t *testing.T) {
	const childVar, user = "TXCOMMIT_TEST_FOREIGN", 65534
	if root := os.Getenv(childVar); root != "" {
		for how, enter := range entrances {
			const says = ".txcommit belongs to user 0"
			if err := enter(t, root); !errors.Is(err, fs.ErrPermission) || !strings.Contains(fmt.Sprint(err), says) {
				t.Errorf("%s: got error %v, want one that says %q", how, err, says)
			}
		}
		return
	}
	needRoot(t)
	dir := memoryDir(t)
	must(t, os.Chmod(dir, 0o755))
	root := filepath.Join(dir, "root")
	plant(t, dir, "root/f=old")
	must(t, os.Chown(root, user, user))
	must(t, os.Mkdir(filepath.Join(root, ".txcommit"), 0o755))
	exe, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(exe)
	must(t, err)
	self := filepath.Join(dir, "self")
	must(t, os.WriteFile(self, b, 0o755))
	before := wholeTree(t, dir)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestStateFolderOfAnother$")
	cmd.Env = append(os.Environ(), childVar+"="+root, "TMPDIR="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as user %d: %v\n%s", user, err, out)
	}
	compareTrees(t, before, wholeTree(t, dir))
}

// TestStateFolderPlanted has a state folder that a user has put into a root of root, which others may write: whoever owns
// it says what recovery does, so root refuses it by every way in, and leaves it as it is.
func TestStateFolderPlanted(t *testing.T) {
	needRoot(t)
	root := memoryDir(t)
	plant(t, root, "f=old")
	must(t, tryOps(t, root, refusal{ops: ops(w("seed", "seed"))}))
	must(t, os.Chmod(root, 0o1777))
	must(t, os.Chown(filepath.Join(root, ".txcommit"), nobody, nobody))
	before := wholeTree(t, root)
	for how, enter := range entrances {
		const says = ".txcommit belongs to user 65534"
		if err := enter(t, root); !errors.Is(err, fs.ErrPermission) || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("%s: got error %v, want one that says %q", how, err, says)
		}
	}
	compareTrees(t, before, wholeTree(t, root))
}
