package txn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
)

// TestParentSwapped has another process that replaces a folder by a link to a folder outside, and back, as fast as it
// can, while transactions write, remove, rename and chmod below it. Whatever comes of each, nothing outside is ever
// touched, and what was committed is whole: all ops of a transaction or none. One in a hundred must be committed, or the
// test would prove nothing.
func TestParentSwapped(t *testing.T) {
	const rootVar = "TXCOMMIT_TEST_SWAP"
	if root := os.Getenv(rootVar); root != "" {
		swapUntilEOF(root)
		return
	}
	dir := memoryDir(t)
	plant(t, dir, "outside/a=safe", "outside/b=safe", "outside/sub/c=safe", "root/d/b=1", "root/d/sub/c=1")
	root := filepath.Join(dir, "root")
	must(t, os.Symlink("../outside", filepath.Join(root, "link")))
	outside := wholeTree(t, filepath.Join(dir, "outside"))
	exe, err := os.Executable()
	must(t, err)
	swapper := exec.CommandContext(t.Context(), exe, "-test.run=^TestParentSwapped$")
	swapper.Env = append(os.Environ(), rootVar+"="+root)
	swapper.Stderr = os.Stderr
	stop, err := swapper.StdinPipe()
	must(t, err)
	said, err := swapper.StdoutPipe()
	must(t, err)
	must(t, swapper.Start())
	tries := 10_000
	if testing.Short() {
		tries = 300
	}
	committed, refused := swapTries(t, root, tries)
	must(t, stop.Close())
	var swaps int
	if _, err := fmt.Fscanf(said, "%d swaps", &swaps); err != nil || swaps < tries {
		t.Errorf("%d swaps (%v) during %d tries, want one each at least", swaps, err, tries)
	}
	_, _ = io.Copy(io.Discard, said)
	must(t, swapper.Wait())
	t.Logf("%d swaps, %d committed, %d refused", swaps, committed, refused)
	if committed < tries/100 {
		t.Errorf("%d of %d were committed, want at least %d", committed, tries, tries/100)
	}
	compareTrees(t, outside, wholeTree(t, filepath.Join(dir, "outside")))
	st := open(t, root, nil) // what is pending now could be ended: nobody is in the way any more
	if _, err := commitOps(st, ops(w("last", "x"))); err != nil {
		t.Errorf("commit after the storm: %v", err)
	}
}

// swapUntilEOF swaps the folder and the link until its standard input ends.
func swapUntilEOF(root string) {
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	for swaps := 0; ; {
		select {
		case <-stop:
			fmt.Printf("%d swaps\n", swaps)
			return
		default:
			if unix.Renameat2(unix.AT_FDCWD, root+"/d", unix.AT_FDCWD, root+"/link", unix.RENAME_EXCHANGE) == nil {
				swaps++
			}
		}
	}
}

func swapTries(t *testing.T, root string, tries int) (committed, refused int) {
	st := open(t, root, nil)
	for i := range tries {
		content := fmt.Sprint(i)
		_, err := commitOps(st, ops(w("d/a", content), w("d/new/x", content), rmAllOK("d/sub/c"), w("d/sub/e", content),
			rmAllOK("d/old"), chmod("d/b", 0o600+uint32(i%2)*0o44)))
		switch {
		case err == nil:
			committed++
		case errors.Is(err, txn.ErrIncomplete): // its folder is away: the store waits for it to come back
			_ = st.Close()
			var oerr error
			for range 1000 {
				if st, oerr = txn.Open(t.Context(), root, nil); oerr == nil {
					break
				}
			}
			must(t, oerr)
			refused++
		default:
			refused++
		}
	}
	must(t, st.Close())
	return committed, refused
}

// TestLinksFromElsewhere writes through relative links while the working directory is another one, where their targets
// mean other files.
func TestLinksFromElsewhere(t *testing.T) {
	dir := memoryDir(t)
	plant(t, dir, "root/d/f=old", "root/e/l->../d/f", "root/e/m->l", "elsewhere/here/x=1", "elsewhere/d/f=other", "elsewhere/here/l->../d/f")
	other := wholeTree(t, filepath.Join(dir, "elsewhere"))
	t.Chdir(filepath.Join(dir, "elsewhere/here"))
	for _, path := range []string{"e/l", "e/m"} {
		_, err := commitOps(open(t, "../../root", nil), ops(w(path, "by "+path)))
		must(t, err)
		if got := contents(t, filepath.Join(dir, "root"))["d/f"]; got != "by "+path {
			t.Errorf("write %s: d/f holds %q", path, got)
		}
	}
	compareTrees(t, other, wholeTree(t, filepath.Join(dir, "elsewhere")))
}

// TestLinkToAnotherFileSystem follows links to files on a file system that is mounted below the root, which takes part in
// the transaction then, or replaces the links.
func TestLinkToAnotherFileSystem(t *testing.T) {
	needRoot(t)
	dir := memoryDir(t)
	plant(t, dir, "root/f=old", "root/other/", "root/l->other/f", "root/sub->other")
	other := filepath.Join(dir, "root/other")
	if err := unix.Mount("tmpfs", other, "tmpfs", 0, "size=1m"); err != nil {
		missing(t, "the right to mount: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(other, unix.MNT_DETACH)) })
	plant(t, other, "f=theirs")
	for _, path := range []string{"l", "sub/f", "sub/new"} {
		_, err := commitOps(open(t, filepath.Join(dir, "root"), nil), ops(w("f", "new for "+path), w(path, "by "+path)))
		must(t, err)
	}
	if got := contents(t, filepath.Join(dir, "root")); got["other/f"] != "by sub/f" || got["other/new"] != "by sub/new" || got["f"] != "new for sub/new" {
		t.Errorf("after writes through links: %v", got)
	}
	st := open(t, filepath.Join(dir, "root"), &txn.Options{Symlinks: txn.ReplaceSymlinks})
	_, err := commitOps(st, ops(w("l", "mine")))
	must(t, err)
	if got := contents(t, filepath.Join(dir, "root")); got["l"] != "mine" || got["other/f"] != "by sub/f" {
		t.Errorf("after the link is replaced: l = %q, other/f = %q", got["l"], got["other/f"])
	}
}
