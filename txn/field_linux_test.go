package txn_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestExecAtOnce runs programs right after their commit, while other goroutines start processes all the time: a child
// that was forked while a program was being written must not make it "text file busy" (field.md 17, golang/go#22315).
func TestExecAtOnce(t *testing.T) {
	truth, err := exec.LookPath("true")
	if err != nil {
		missing(t, "the program true: %v", err)
	}
	binary, err := os.ReadFile(truth)
	must(t, err)
	root := memoryDir(t)
	st := open(t, root, quick)
	stop := make(chan struct{})
	var forks sync.WaitGroup
	for range 4 {
		forks.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command(truth).Run()
				}
			}
		})
	}
	defer forks.Wait()
	defer close(stop)
	for i := range 200 {
		content := append(binary[:len(binary):len(binary)], byte(i))
		must(t, st.Update(t.Context(), func(tx *txn.Tx) error {
			w, err := tx.Create("streamed", 0o755)
			if err != nil {
				return err
			}
			return joinErrs(tx.WriteFile("tool", content, 0o755), writePieces(w, content, 32<<10))
		}))
		for _, name := range []string{"tool", "streamed"} {
			if err := exec.Command(filepath.Join(root, name)).Run(); err != nil {
				t.Fatalf("commit %d: %v", i, err)
			}
		}
	}
}

// TestOverlay renames and removes what an overlay has in its lower layer. The kernel refuses to rename such folders with
// EXDEV (field.md 11): that must be found before the commit point.
func TestOverlay(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	plant(t, dir, "lower/d/x=1", "lower/f=old", "lower/e/y=2", "upper/", "work/", "root/")
	options := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	root := filepath.Join(dir, "root")
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		missing(t, "the right to mount an overlay: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(root, unix.MNT_DETACH)) })
	st := open(t, root, nil)
	before := contents(t, root)
	for _, o := range [][]manifest.Op{
		ops(w("f", "new"), mv("d", "d2")),
		ops(w("f", "new"), mkdir("e2"), mv("e", "e2/e")),
		ops(w("f", "new"), rmAll("d")),
		ops(rmAll("d"), w("f", "new"), mkdir("g")),
	} {
		res, err := commitOps(st, o)
		if !errors.Is(err, syscall.EXDEV) || errors.Is(err, txn.ErrIncomplete) || res.RolledBack {
			t.Errorf("%s: got %+v, %v; want EXDEV before the commit point", describeOps(o), res, err)
		}
	}
	compareTrees(t, before, contents(t, root))
	checkLitter(t, root, exists(filepath.Join(root, ".txcommit")))
	res, err := commitOps(st, ops(w("f", "new"), w("d/x", "new"), w("d/z", "3"), mv("e/y", "y")))
	if err != nil || len(res.Displaced) > 0 {
		t.Errorf("files of the lower layer: %+v, %v", res, err)
	}
	checkLitter(t, root, true)
	compareTrees(t, map[string]string{".": "d", "d": "d", "d/x": "new", "d/z": "3", "e": "d", "f": "new", "y": "2"}, contents(t, root))
	for _, o := range [][]manifest.Op{ops(w("own/a", "1"), w("own2/b", "2")), ops(mv("own", "own3"), rmAll("own2"))} {
		if _, err := commitOps(st, o); err != nil {
			t.Errorf("%s, of the upper layer: %v", describeOps(o), err)
		}
	}
	if exists(filepath.Join(root, "own2")) || !exists(filepath.Join(root, "own3/a")) {
		t.Error("folders of the upper layer are not as they were to be")
	}
}
