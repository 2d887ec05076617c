package txn_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestWritersElsewhere has many goroutines that write at home, on another file system, or on both: each commits as ever, and
// those at home still in groups.
func TestWritersElsewhere(t *testing.T) {
	needRoot(t)
	root := withDisk(t)
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
		_, err = commitOps(st, ops(w("f", "new"), chmod("m/d", 0o500))) // as is said
		must(t, err)
		must(t, os.Chmod(root+"/m/d", 0o700))
		const mount = "use chmod(1) for a mount point"
		if _, err := commitOps(st, ops(chmod("m", 0o555))); err == nil || !strings.Contains(err.Error(), mount) {
			t.Errorf("got %v, want an error that says %q", err, mount)
		}
		must(t, os.Chmod(root+"/m", 0o555))
		const shut = "to change the mode of a mount point takes a private folder in it; use chmod(1): directory m cannot be changed: permission denied"
		if _, err := commitOps(st, ops(chmod("m", 0o755))); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), shut) {
			t.Errorf("got %v, want an error that says %q", err, shut)
		}
		must(t, os.Chmod(root+"/m", 0o755))
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

// TestHostMeanwhile changes, while a transaction stages, the folder that its outer folder is in, by another transaction or
// another program: it makes another outer folder and is committed, as at home, and nothing of the first one is left.
func TestHostMeanwhile(t *testing.T) {
	needRoot(t)
	other := func(o ...manifest.Op) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			t.Helper()
			_, err := commitOps(open(t, root, nil), o)
			must(t, err)
		}
	}
	for name, meanwhile := range map[string]func(t *testing.T, root string){
		"done by another": func(t *testing.T, root string) { must(t, os.WriteFile(root+"/m/a/f", []byte("new"), 0o600)) },
		"replaced": func(t *testing.T, root string) {
			must(t, os.Rename(root+"/m/a", root+"/m/was"))
			must(t, os.Mkdir(root+"/m/a", 0o755))
		},
		"a link": func(t *testing.T, root string) {
			must(t, os.Rename(root+"/m/a", root+"/m/was"))
			must(t, os.Symlink("was", root+"/m/a"))
		},
		"renamed": other(mv("m/a", "m/was")),
		"removed": other(rmAll("m/a")),
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " late ", late), func(t *testing.T) {
				root := withDisk(t)
				plant(t, root, "f=old", "m/a/f=old", "m/b/f=old")
				_, err := commitOps(open(t, root, nil), ops(w("made", "1")))
				must(t, err)
				var once sync.Once
				var notes []string
				st := open(t, root, &txn.Options{Jobs: 1, Progress: func(p txn.Progress) {
					if p.Phase == txn.PhaseStage && (!late || p.Files == p.OfFiles) {
						once.Do(func() { meanwhile(t, root) })
					}
					if p.Phase == txn.PhaseCommit {
						notes, _ = filepath.Glob(root + "/.txcommit/stage/*/outer-*")
					}
				}})
				res, err := commitOps(st, ops(w("f", "new"), w("m/a/f", "new"), w("m/b/f", "new")))
				got := contents(t, root)
				b, rerr := os.ReadFile(root + "/m/a/f") // maybe through a link
				if err != nil || rerr != nil || res.Bytes != 9 || got["f"] != "new" || string(b) != "new" || got["m/b/f"] != "new" {
					t.Errorf("%v, %+v: %q %v, %q", err, res, b, rerr, got)
				}
				if len(notes) != 1 {
					t.Errorf("notes: %q, want one", notes)
				}
				if was := got["m/was/f"]; was != "" && was != "old" && name != "a link" {
					t.Errorf("m/was/f is %q", was)
				}
				if left := outerFolders(t, root); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				checkLitter(t, root, true)
			})
		}
	}
}

// TestRemovedElsewhere has writers in a folder on another file system that others keep renaming and removing, with whatever
// outer folders are in it: all are committed but those that find nothing to rename, and nothing is left.
func TestRemovedElsewhere(t *testing.T) {
	needRoot(t)
	root := withDisk(t)
	st := open(t, root, nil)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for n := range 20 {
				o := ops(w(fmt.Sprintf("m/a/%d", i), fmt.Sprint(n)), w(fmt.Sprint("home", i), fmt.Sprint(n)))
				switch i {
				case 0:
					o = ops(rmAll("m/a"), rmAll("m/b"))
					o[0].MissingOK, o[1].MissingOK = true, true
				case 1:
					o = ops(mv("m/a", "m/b"))
				}
				res, err := commitOps(st, o)
				if i == 1 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist)) {
					continue
				}
				if err != nil || res.Cleanup != nil && !errors.Is(res.Cleanup, syscall.ENOTEMPTY) {
					t.Errorf("%s: %v, cleaning up: %v", describeOps(o), err, res.Cleanup)
				}
			}
		})
	}
	wg.Wait()
	_, err := txn.Recover(t.Context(), root, nil) // another one may have put something into what was being deleted
	must(t, err)
	checkLitter(t, root, true)
	if left := outerFolders(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
