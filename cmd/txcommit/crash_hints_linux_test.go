package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestHints lets the one rename into the tree fail, also where it is tried again, with each errno that the contract asks a hint for: the binary must
// roll back, name the path and the reason, and print the errno's hint on a line of its own, and in JSON.
func TestHints(t *testing.T) {
	bin := needBinary(t)
	for errno, hint := range map[syscall.Errno]string{
		unix.EACCES:       "check the owner and mode",
		unix.EPERM:        "check that you own the path",
		unix.EROFS:        "remount the file system for writing",
		unix.ENOSPC:       "free space or inodes",
		unix.EDQUOT:       "free some of your quota",
		unix.EXDEV:        "keep each rename within one mount",
		unix.EBUSY:        "the path may be a mount point",
		unix.EISDIR:       "a folder has this name",
		unix.ENOTDIR:      "a file stands where a folder is needed",
		unix.ENOENT:       "check that the path, its folder and its source exist",
		unix.EEXIST:       "something has this name already",
		unix.ELOOP:        "check where the symbolic link leads",
		unix.ENAMETOOLONG: "use names of at most 255 bytes",
		unix.EMFILE:       "raise the limit of open files",
		unix.EIO:          "look for errors of the disk",
	} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			root := hintRoot(t)
			intoTree := func(c supervise.Call) bool { return c.Name == "renameat2" && strings.HasSuffix(c.Path, "-> f") }
			wantHint(t, root, exitFailed, errno.Error()+"\nhint: "+hint, supervise.Fault{At: 1, Until: supervise.Forever, Errno: errno, Match: intoTree}, bin)
			if _, err := os.Lstat(filepath.Join(root, "f")); !os.IsNotExist(err) {
				t.Errorf("f is there: %v, want it not to exist", err)
			}
		})
	}
}

// TestHintIncomplete lets all syncs after the rename into the tree fail: the binary must exit with 5 and say how to go on.
func TestHintIncomplete(t *testing.T) {
	bin := needBinary(t)
	renamed := false
	afterwards := func(c supervise.Call) bool {
		renamed = renamed || c.Name == "renameat2" && strings.HasSuffix(c.Path, "-> f")
		return renamed && (c.Name == "fsync" || c.Name == "syncfs" || c.Name == "fdatasync")
	}
	f := supervise.Fault{At: 1, Until: supervise.Forever, Errno: unix.EIO, Match: afterwards}
	wantHint(t, hintRoot(t), exitIncomplete, "\nhint: run 'txcommit recover'; if it cannot finish either, 'txcommit status' shows the id", f, bin)
}

// hintRoot makes a root and, beside it, a manifest of one file.
func hintRoot(t *testing.T) string {
	root := filepath.Join(workFolder(t), "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+".json", []byte(`{"version": 1, "ops": [{"op": "write", "path": "f", "content": "x"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func wantHint(t *testing.T, root string, code int, says string, f supervise.Fault, bin string) {
	t.Helper()
	res, err := supervise.Run(f, supervise.Options{}, bin, "apply", "-o", "json", "-C", root, root+".json")
	switch {
	case err != nil:
		t.Fatal(err)
	case res.Hit == nil:
		t.Fatal("the call was not made")
	case res.ExitCode != code || !strings.HasPrefix(string(res.Stderr), "txcommit: ") || !strings.Contains(string(res.Stderr), says):
		t.Errorf("got exit code %d and %q, want %d and %q", res.ExitCode, res.Stderr, code, says)
	case !strings.Contains(string(res.Stdout), `"hint":`):
		t.Errorf("got %q, want an object with a hint", res.Stdout)
	}
}
