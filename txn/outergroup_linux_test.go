package txn_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
)

// TestWritersElsewhere has many goroutines that write at home, on another file system, or on both: each commits as ever, and
// those at home still in groups.
func TestWritersElsewhere(t *testing.T) {
	needRoot(t)
	root := planted(t, memoryDir(t))
	mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, "size=8m,mode=755")
	st := open(t, root, nil)
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range 24 {
		wg.Go(func() {
			for n := range 5 {
				err := st.Update(context.Background(), func(tx *txn.Tx) error {
					content := []byte(fmt.Sprint(n))
					if i%3 != 0 {
						if err := tx.WriteFile(fmt.Sprintf("m/%d", i), content, 0o644); err != nil {
							return err
						}
					}
					if i%3 == 1 {
						return nil
					}
					return tx.WriteFile(fmt.Sprint("home", i), content, 0o644)
				})
				if err != nil {
					failed.Add(1)
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	got := contents(t, root)
	for i := range 24 {
		if m := got[fmt.Sprintf("m/%d", i)]; i%3 != 0 && m != "4" {
			t.Errorf("m/%d is %q", i, m)
		}
		if h := got[fmt.Sprint("home", i)]; i%3 != 1 && h != "4" {
			t.Errorf("home%d is %q", i, h)
		}
	}
	checkLitter(t, root, true)
	if left := outerFolders(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestMountedMeanwhile mounts and unmounts a folder between staging and the lock: what was staged in the wrong place is staged
// again, and nothing is left anywhere.
func TestMountedMeanwhile(t *testing.T) {
	needRoot(t)
	for _, mounts := range []bool{true, false} {
		t.Run(fmt.Sprint(mounts), func(t *testing.T) {
			dir := memoryDir(t)
			root := planted(t, dir)
			plant(t, root, "f=old", "m/f=under")
			_, err := commitOps(open(t, root, nil), ops(w("made", "1")))
			must(t, err)
			disk := filepath.Join(dir, "disk")
			must(t, os.Mkdir(disk, 0o755))
			mountAt(t, "tmpfs", disk, "tmpfs", 0, "size=8m,mode=755")
			plant(t, disk, "f=on it")
			bind := func() { must(t, unix.Mount(disk, root+"/m", "", unix.MS_BIND, "")) }
			if !mounts {
				bind()
			}
			t.Cleanup(func() { _ = unix.Unmount(root+"/m", unix.MNT_DETACH) })
			var once sync.Once
			st := open(t, root, &txn.Options{Progress: func(p txn.Progress) {
				if p.Phase != txn.PhaseStage {
					return
				}
				once.Do(func() {
					if mounts {
						bind()
					} else {
						must(t, unix.Unmount(root+"/m", unix.MNT_DETACH))
					}
				})
			}})
			_, err = commitOps(st, ops(w("f", "new"), w("m/f", "new"), w("m/g", "new")))
			got := contents(t, root)
			if err != nil || got["f"] != "new" || got["m/f"] != "new" || got["m/g"] != "new" {
				t.Errorf("%v: %q", err, got)
			}
			for _, d := range []string{root, disk} {
				if left := outerFolders(t, d); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
			}
			checkLitter(t, root, true)
		})
	}
}

// TestElsewhereAsUser commits as an ordinary user, in a store and on a disk of his. A mode that would keep him from removing
// the outer folder is refused; where it lies in another folder it is no matter.
func TestElsewhereAsUser(t *testing.T) {
	const childVar, user = "TXCOMMIT_TEST_ELSEWHERE", 65534
	if root := os.Getenv(childVar); root != "" {
		st := open(t, root, nil)
		_, err := commitOps(st, ops(w("f", "new"), w("m/f", "new"), mkdir("m/shut"), w("m/d/f", "new")))
		must(t, err)
		_, err = commitOps(st, ops(w("m/f", "newer"), chmod("m/shut", 0o500)))
		must(t, err)
		const says = "mode 0500 would not let the transaction remove its private folder m/d/.txcommit-"
		if _, err := commitOps(st, ops(w("m/d/f", "newest"), chmod("m/d", 0o500))); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
		if got := contents(t, root); got["f"] != "new" || got["m/f"] != "newer" || got["m/d/f"] != "new" {
			t.Errorf("got %q", got)
		}
		if left := outerFolders(t, root); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		return
	}
	needRoot(t)
	dir := memoryDir(t)
	must(t, os.Chmod(dir, 0o755))
	root := planted(t, dir)
	mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, fmt.Sprintf("size=8m,mode=755,uid=%d,gid=%d", user, user))
	must(t, os.Chown(root, user, user))
	exe, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(exe)
	must(t, err)
	self := filepath.Join(dir, "self")
	must(t, os.WriteFile(self, b, 0o755))
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestElsewhereAsUser$")
	cmd.Env = append(os.Environ(), childVar+"="+root, "TMPDIR="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as user %d: %v\n%s", user, err, out)
	}
}

// TestHostWithoutStep has another program do, between staging and the lock, what the transaction wants in the folder that its
// outer folder is in: there is no step in it any more, and the rest is committed. If the folder was replaced, it is refused.
func TestHostWithoutStep(t *testing.T) {
	needRoot(t)
	for name, tt := range map[string]struct {
		meanwhile func(root string)
		fails     bool
	}{
		"done by another": {func(root string) { must(t, os.WriteFile(root+"/m/a/f", []byte("new"), 0o600)) }, false},
		"replaced": {func(root string) {
			must(t, os.Rename(root+"/m/a", root+"/m/was"))
			must(t, os.Mkdir(root+"/m/a", 0o755))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			root := planted(t, memoryDir(t))
			mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, "size=8m,mode=755")
			plant(t, root, "f=old", "m/a/f=old", "m/b/f=old")
			_, err := commitOps(open(t, root, nil), ops(w("made", "1")))
			must(t, err)
			var once sync.Once
			st := open(t, root, &txn.Options{Progress: func(p txn.Progress) {
				if p.Phase == txn.PhaseStage {
					once.Do(func() { tt.meanwhile(root) })
				}
			}})
			_, err = commitOps(st, ops(w("f", "new"), w("m/a/f", "new"), w("m/b/f", "new")))
			got := contents(t, root)
			if want := map[bool]string{false: "new", true: "old"}[tt.fails]; (err != nil) != tt.fails || got["f"] != want || got["m/b/f"] != want {
				t.Errorf("%v: %q", err, got)
			}
			if left := outerFolders(t, root); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			checkLitter(t, root, true)
		})
	}
}
