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

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// missing skips a test that cannot run here, and fails it where everything is required to run.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs "+format, args...)
	}
	t.Skipf("needs "+format, args...)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root")
	}
}

// The inode flags of linux/fs.h, see ioctl_iflags(2).
const (
	immutable  = 0x10
	appendOnly = 0x20
)

// TestImmutable refuses, before the commit point, what the kernel would refuse after it.
func TestImmutable(t *testing.T) {
	needRoot(t)
	for _, r := range []struct {
		flag int
		on   string
		ops  []manifest.Op
		says string
	}{
		{flag: immutable, on: "f", ops: ops(w("other", "1"), w("f", "new")), says: "write f: it is immutable or append-only: operation not permitted"},
		{flag: appendOnly, on: "f", ops: ops(w("f", "new")), says: "write f: it is immutable or append-only"},
		{flag: immutable, on: "f", ops: ops(rm("f")), says: "remove f: it is immutable"},
		{flag: immutable, on: "f", ops: ops(mv("f", "g")), says: "rename f: it is immutable"},
		{flag: immutable, on: "f", ops: ops(chmod("f", 0o600)), says: "chmod f: it is immutable"},
		{flag: immutable, on: "d", ops: ops(w("d/new", "1")), says: "write d/new: directory d is immutable or append-only"},
		{flag: immutable, on: "d", ops: ops(rmAll("d")), says: "remove d: it is immutable"},
		{flag: immutable, on: "d", ops: ops(mv("d", "e")), says: "rename d: it is immutable"},
		{flag: immutable, on: "d/x", ops: ops(rmAll("d")), says: "remove d: x below it is immutable or append-only"},
		{flag: immutable, on: ".", ops: ops(w("new", "1")), says: "operation not permitted"},
		{flag: appendOnly, on: ".", ops: ops(w("f", "1")), says: "the root is immutable or append-only: operation not permitted"},
	} {
		t.Run(r.says, func(t *testing.T) {
			dir := t.TempDir() // on a disk: tmpfs has no such flags before Linux 6.6
			plant(t, dir, "root/f=old", "root/d/x=old")
			root := filepath.Join(dir, "root")
			if err := setFlag(filepath.Join(root, r.on), r.flag, true); err != nil {
				missing(t, "a file system with immutable files: %v", err)
			}
			defer func() { must(t, setFlag(filepath.Join(root, r.on), r.flag, false)) }()
			checkRefused(t, dir, r.ops, fs.ErrPermission, r.says)
		})
	}
}

// TestTrashStays tells what the kernel does not delete of what was replaced. It is in nobody's way, and no failure of what
// was asked for.
func TestTrashStays(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	st := open(t, root, nil)
	_, err := commitOps(st, ops(w("f", "1")))
	must(t, err)
	must(t, st.Close()) // with what it deletes in the background
	plant(t, root, ".txcommit/trash/x=old")
	stays := filepath.Join(root, ".txcommit/trash/x")
	if err := setFlag(stays, immutable, true); err != nil {
		missing(t, "a file system with immutable files: %v", err)
	}
	check := func(left []txn.Left, err error) {
		t.Helper()
		if err != nil || len(left) != 1 || left[0].Path != ".txcommit/trash" || !errors.Is(left[0].Why, syscall.EPERM) {
			t.Errorf("left %v, error %v, want .txcommit/trash and EPERM", left, err)
		}
	}
	rep, err := txn.Recover(t.Context(), root, nil)
	check(rep.Left, err)
	done, err := open(t, root, nil).GC(t.Context(), 0)
	check(done.Left, err)
	must(t, setFlag(stays, immutable, false))
	if rep, err = txn.Recover(t.Context(), root, nil); err != nil || len(rep.Left) > 0 {
		t.Errorf("left %v, error %v, want nothing", rep.Left, err)
	}
	if _, err := os.Lstat(stays); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want that it is gone", stays, err)
	}
}

// TestStageStays has a dead process's stage folder that the kernel does not delete, or not even move, with a store and
// without: it is told, and no failure of a recovery; nobody's commit is stopped. When it can be deleted it is.
func TestStageStays(t *testing.T) {
	needRoot(t)
	const dead = ".txcommit/stage/019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f"
	for name, tt := range map[string]struct {
		store    bool
		fixed    string // what is immutable
		at, then string // what is told to be left, before and after a commit
	}{
		"file":                      {true, dead + "/0/x", ".txcommit/trash", ".txcommit/trash"},
		"folder":                    {true, dead, dead, dead},
		"file, no store":            {false, dead + "/0/x", dead, ".txcommit/trash"},
		"folder, no store":          {false, dead, dead, dead},
		"in the trash, no store":    {false, ".txcommit/trash/y/x", ".txcommit/trash", ".txcommit/trash"},
		"owner of nobody, no store": {false, dead + ".owner", dead + ".owner", dead + ".owner"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if tt.store {
				st := open(t, root, nil)
				_, err := commitOps(st, ops(w("f", "1")))
				must(t, err)
				must(t, st.Close())
			}
			plant(t, root, dead+"/0/x=staged", dead+".owner=", ".txcommit/trash/y/x=old")
			must(t, os.Chmod(filepath.Join(root, ".txcommit"), 0o700))
			file, err := os.Open(filepath.Join(root, tt.fixed)) // it moves, and what it is stays
			must(t, err)
			defer file.Close()
			if err := setFlagOf(file, immutable, true); err != nil {
				missing(t, "a file system with immutable files: %v", err)
			}
			defer func() { _ = setFlagOf(file, immutable, false) }()
			if n := checkStays(t, root, tt.at); (n > 0) == strings.HasPrefix(tt.fixed+"/", dead+"/") {
				t.Errorf("swept %d", n)
			}
			st := open(t, root, nil)
			if res, err := commitOps(st, ops(w("g", "2"))); err != nil || !res.Committed {
				t.Errorf("commit: %+v, %v", res, err)
			}
			_ = st.Close()
			checkStays(t, root, tt.then)
			must(t, setFlagOf(file, immutable, false))
			rep, err := txn.Recover(t.Context(), root, nil)
			if err != nil || len(rep.Left) > 0 {
				t.Errorf("recover: %+v, %v, want nothing left", rep, err)
			}
			for _, in := range []string{"stage", "trash"} {
				if left, err := os.ReadDir(filepath.Join(root, ".txcommit", in)); err != nil || len(left) > 0 {
					t.Errorf("%s/ holds %v, %v", in, left, err)
				}
			}
		})
	}
}

// checkStays recovers a root in which one thing stays, opens it for garbage collection, and returns what the recovery has swept.
func checkStays(t *testing.T, root, at string) (swept int) {
	t.Helper()
	check := func(left []txn.Left, err error) {
		t.Helper()
		if err != nil || len(left) != 1 || left[0].Path != at || !errors.Is(left[0].Why, syscall.EPERM) {
			t.Errorf("left %v, error %v, want %s and EPERM", left, err, at)
		}
	}
	rep, err := txn.Recover(t.Context(), root, nil)
	check(rep.Left, err)
	st := open(t, root, nil)
	done, err := st.GC(t.Context(), 10)
	check(done.Left, err)
	_ = st.Close()
	return rep.Swept
}

func setFlag(path string, flag int, on bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return setFlagOf(f, flag, on)
}

func setFlagOf(f *os.File, flag int, on bool) error {
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	if flags &^= flag; on {
		flags |= flag
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
}

// checkRefused commits ops in dir/root that must be refused, and compares all of dir.
func checkRefused(t *testing.T, dir string, o []manifest.Op, is error, says string) {
	t.Helper()
	before := wholeTree(t, dir)
	st := open(t, filepath.Join(dir, "root"), nil)
	_, err := commitOps(st, o)
	if is != nil && !errors.Is(err, is) || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%s: got error %v, want one that is %v and says %q", describeOps(o), err, is, says)
	}
	if errors.Is(err, txn.ErrIncomplete) {
		t.Errorf("%v: the refusal came after the commit point", err)
	}
	compareTrees(t, before, wholeTree(t, dir))
	_, serr := os.Lstat(filepath.Join(dir, "root/.txcommit"))
	checkLitter(t, filepath.Join(dir, "root"), serr == nil)
}

// TestMounts refuses what is mounted, has something mounted below (field.md 10: st_dev does not show a bind mount), or would
// be renamed from one mount to another. Of one folder that is mounted twice one path can be used, and none that leads to
// what the transaction takes away, or to the state folder.
func TestMounts(t *testing.T) {
	needRoot(t)
	dir := memoryDir(t)
	plant(t, dir, "root/f=old", "root/other=bound", "root/d/m/x=old", "root/bound/x=old", "elsewhere/y=theirs", "root/top/sub/deep/z=1", "root/way/")
	_, err := commitOps(open(t, filepath.Join(dir, "root"), nil), ops(w("made", "1")))
	must(t, err)
	for _, m := range [][2]string{
		{"root/other", "root/f"}, {"elsewhere", "root/d/m"}, {"root/top", "root/bound"}, {"root/.txcommit/displaced", "root/way"},
	} {
		from, to := filepath.Join(dir, m[0]), filepath.Join(dir, m[1])
		if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
			missing(t, "the right to mount: %v", err)
		}
		t.Cleanup(func() { must(t, unix.Unmount(to, unix.MNT_DETACH)) })
	}
	for _, r := range []struct {
		ops  []manifest.Op
		is   error
		says string
	}{
		{ops(w("new", "1"), w("f", "2")), syscall.EBUSY, "write f: it is a mount point, which cannot be replaced"},
		{ops(rm("f")), syscall.EBUSY, "remove f: it is a mount point"},
		{ops(mv("f", "g")), syscall.EBUSY, "rename f: it is a mount point"},
		{ops(rmAll("d/m")), syscall.EBUSY, "remove d/m: it is a mount point"},
		{ops(mv("d/m", "e")), syscall.EBUSY, "rename d/m: it is a mount point"},
		{ops(rmAll("d")), syscall.EBUSY, "remove d: something is mounted below"},
		{ops(mv("other", "bound/f")), syscall.EXDEV, "rename other: other and bound/f are on different file systems, mounts, subvolumes or projects"},
		{ops(mv("top/sub", "bound/s")), syscall.EXDEV, "rename top/sub: top/sub and bound/s are on different file systems"},
		{ops(mv("top/sub/deep/z", "d/m/new/z")), syscall.EXDEV, "top/sub/deep/z and d/m/new/z are on different file systems"},
		{ops(w("bound/one", "1"), w("top/two", "2")), nil, "bound and top are one directory, mounted twice"},
		{ops(w("bound/sub/deep/z", "2"), rmAll("top/sub")), nil, "bound/sub is top/sub, mounted a second time"},
		{ops(w("bound/sub/deep/z", "1"), rmAll("top/sub")), nil, "bound/sub is top/sub, mounted a second time"}, // it is in place
		{ops(w("bound/sub/deep/z", "1"), w("top/sub/deep/z", "2")), nil, "bound/sub/deep/z: it is top/sub/deep/z, by another path"},
		{ops(mkdir("bound"), rmAll("top")), nil, "bound is top, mounted a second time"},
		{ops(chmod("top", 0o700), chmod("bound", 0o711)), nil, "mounted a second time"},
		{ops(chmod("top", 0o700), chmod("bound", 0o755)), nil, "bound is top, mounted a second time"}, // it has that mode
		{ops(chmod("other", 0o600), chmod("f", 0o644)), nil, "f is other, mounted a second time"},
		{ops(w("way/mine", "2")), nil, "way is .txcommit/displaced, mounted a second time"},
	} {
		checkRefused(t, dir, r.ops, r.is, r.says)
	}
	if _, err := commitOps(open(t, filepath.Join(dir, "root"), nil), ops(w("bound/sub/deep/z", "1"), w("top/two", "2"))); err != nil {
		t.Errorf("two files of one folder, one of them in place: %v", err)
	}
}

// TestPermissions commits as an ordinary user in folders that are not all his.
func TestPermissions(t *testing.T) {
	if os.Getenv("TXCOMMIT_TEST_CHILD") != "" {
		permissionsChild(t)
		return
	}
	dir := memoryDir(t)
	must(t, os.Chmod(dir, 0o755))
	plant(t, dir, "root/mine/f=old", "root/locked/f=old", "root/sealed/f=old", "root/g=old", "secret=hidden")
	if os.Geteuid() != 0 {
		must(t, os.Chmod(filepath.Join(dir, "root/locked"), 0o555))
		t.Setenv("TXCOMMIT_TEST_CHILD", dir)
		permissionsChild(t)
		return
	}
	const user = 65534
	plant(t, dir, "root/theirgroup=old")
	plant(t, dir, "root/setgid/")
	must(t, joinErrs(os.Chown(filepath.Join(dir, "root/theirgroup"), user, 12345), os.Chown(filepath.Join(dir, "root/setgid"), user, 12345),
		syscall.Chmod(filepath.Join(dir, "root/setgid"), 0o2775)))
	for _, p := range []string{"root", "root/mine", "root/mine/f", "root/g", "root/locked"} {
		must(t, os.Chown(filepath.Join(dir, p), user, user))
	}
	must(t, os.Chmod(filepath.Join(dir, "root/locked"), 0o555))
	must(t, os.Chmod(filepath.Join(dir, "secret"), 0o600))
	must(t, syscall.Chmod(filepath.Join(dir, "root/sealed"), 0o1777)) // sticky, of root, and so is sealed/f
	exe, err := os.Executable()
	must(t, err)
	self := filepath.Join(dir, "self")
	b, err := os.ReadFile(exe)
	must(t, err)
	must(t, os.WriteFile(self, b, 0o755))
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestPermissions$", "-test.v")
	cmd.Env = append(os.Environ(), "TXCOMMIT_TEST_CHILD="+dir, "TMPDIR="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as user %d: %v\n%s", user, err, out)
	}
}

func permissionsChild(t *testing.T) {
	dir := os.Getenv("TXCOMMIT_TEST_CHILD")
	type row struct {
		ops  []manifest.Op
		is   error
		says string
	}
	rows := []row{
		{ops(w("locked/new", "1")), fs.ErrPermission, "write locked/new: directory locked cannot be changed: permission denied"},
		{ops(w("g", "new"), w("locked/f", "1")), fs.ErrPermission, "stage locked/f: its owner 0:0 cannot be kept: operation not permitted"},
		{ops(rm("locked/f")), fs.ErrPermission, "remove locked/f: directory locked cannot be changed"},
		{ops(mv("g", "locked/g")), fs.ErrPermission, "rename locked/g: directory locked cannot be changed"},
		{ops(mv("locked/f", "f")), fs.ErrPermission, "rename locked/f: directory locked cannot be changed"},
	}
	if i, err := os.Lstat(filepath.Join(dir, "root/sealed")); err == nil && i.Mode()&fs.ModeSticky != 0 {
		rows = append(rows,
			row{ops(w("sealed/f", "new")), fs.ErrPermission, "stage sealed/f: its owner 0:0 cannot be kept: operation not permitted"},
			row{ops(rm("sealed/f")), fs.ErrPermission, "remove sealed/f: its directory is sticky and it belongs to another user"},
			row{ops(mv("sealed/f", "f")), fs.ErrPermission, "rename sealed/f: its directory is sticky and it belongs to another user"},
			row{ops(w("g", "new"), chmod("theirgroup", 0o2755)), fs.ErrPermission, "chmod theirgroup: only a member of its group 12345 may set its setgid bit"},
			row{ops(w("g", "new"), w("setgid/new", "1")), fs.ErrPermission, "stage setgid/new: the group 12345 of its directory, which is handed down, cannot be given"},
			row{ops(w("g", "new"), mkdir("setgid/new")), fs.ErrPermission, "stage setgid/new: the group 12345 of its directory"},
			row{ops(w("theirgroup", "new")), fs.ErrPermission, "stage theirgroup: its owner 65534:12345 cannot be kept: operation not permitted"},
			row{ops(chmod("sealed/f", 0o600)), fs.ErrPermission, "chmod sealed/f: only the owner may change the mode"},
			row{ops(writeFrom("new", filepath.Join(dir, "secret"))), fs.ErrPermission, "open " + filepath.Join(dir, "secret") + ": permission denied"})
	}
	for _, r := range rows {
		checkRefused(t, dir, r.ops, r.is, r.says)
	}
	readOnlySibling(t, dir)
}

// readOnlySibling has an unchanged read-only file beside what fails, and beside what is committed: neither the way back
// nor the way forward touches it (field.md 15).
func readOnlySibling(t *testing.T, dir string) {
	must(t, os.Chmod(filepath.Join(dir, "root/mine/f"), 0o400))
	sibling := w("mine/f", "old")
	was := stamp(t, filepath.Join(dir, "root/mine/f"))
	checkRefused(t, dir, ops(sibling, w("g", "new"), expecting(w("new", "1"), present)), txn.ErrConflict, "new: expected to be present")
	_, err := commitOps(open(t, filepath.Join(dir, "root"), nil), ops(sibling, w("g", "new"), w("mine/g", "1")))
	must(t, err)
	if now := stamp(t, filepath.Join(dir, "root/mine/f")); now != was {
		t.Errorf("the read-only file was touched: %s, was %s", now, was)
	}
}
