package txn

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
)

// groupRecoveryDir is that of TestGroupCrash, for the process that recovers.
const groupRecoveryDir = "TXCOMMIT_TEST_GROUP_RECOVERY"

// TestGroupRecoveryDriver is the process of TestGroupRecoveryKilled that is killed.
func TestGroupRecoveryDriver(*testing.T) {
	dir := os.Getenv(groupRecoveryDir)
	if dir == "" {
		return // nobody has asked for it
	}
	st, err := Open(context.Background(), dir, nil)
	if err == nil {
		_ = st.Close()
	}
	fmt.Println("end:", err)
}

// TestGroupRecoveryKilled kills a process that has done the steps of some writers of a group and half of those of one, and then the
// recovery at each of its calls. Who views the tree after that sees no half of any writer's files.
func TestGroupRecoveryKilled(t *testing.T) {
	needSupervisor(t)
	seen := map[string]int{}
	for commit := 1; len(seen) < 2; commit++ {
		dir := t.TempDir()
		plantGroup(t, dir)
		st, err := Open(t.Context(), dir, nil) // before there is anything to recover
		need(t, err)
		if !killDriver(t, dir, groupDir, "TestGroupDriver", commit) {
			t.Fatalf("no kill has left both a whole and half of a writer's files, and later both views: %v", seen)
		}
		if whole, half := groupFiles(t, os.DirFS(dir)); whole == 0 || half == 0 {
			need(t, st.Close())
			continue
		}
		seen = viewsOfKilled(t, commit)
		need(t, st.Close())
	}
}

// viewsOfKilled kills the group at one call and the recovery at each, and counts what views have shown afterwards.
func viewsOfKilled(t *testing.T, commit int) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for recovery := 1; ; recovery++ {
		dir := t.TempDir()
		plantGroup(t, dir)
		st, err := Open(t.Context(), dir, nil)
		need(t, err)
		killDriver(t, dir, groupDir, "TestGroupDriver", commit)
		more := killDriver(t, dir, groupRecoveryDir, "TestGroupRecoveryDriver", recovery)
		_, half := groupFiles(t, os.DirFS(dir))
		seen["half in the tree: "+strconv.FormatBool(half > 0)]++
		need(t, st.View(t.Context(), func(fsys fs.FS) error {
			if _, half := groupFiles(t, fsys); half > 0 {
				t.Errorf("commit killed at %d, recovery at %d: the view shows half of the files of %d writers", commit, recovery, half)
			}
			return nil
		}))
		need(t, st.Close())
		if !more || t.Failed() {
			return seen
		}
	}
}

// killDriver runs a test of this binary as a process and kills it at a call, if it gets there.
func killDriver(t *testing.T, dir, env, test string, at int) bool {
	t.Helper()
	opts := supervise.Options{Env: append(os.Environ(), env+"="+dir)}
	res, err := supervise.Run(supervise.Fault{At: at, Kill: true}, opts, os.Args[0], "-test.run=^"+test+"$")
	need(t, err)
	return res.Hit != nil
}

// groupFiles counts the writers whose files are all new, and those of whose files only one is.
func groupFiles(t *testing.T, fsys fs.FS) (whole, half int) {
	t.Helper()
	for i := range groupSize {
		x, err := fs.ReadFile(fsys, strconv.Itoa(i)+"/x")
		need(t, err)
		y, _ := fs.ReadFile(fsys, strconv.Itoa(i)+"/y") // it may be missing
		switch strings.Count(string(x)+string(y), "new") {
		case 2:
			whole++
		case 1:
			half++
		}
	}
	return whole, half
}
