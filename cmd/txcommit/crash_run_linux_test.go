package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// TestRunCut kills run before each of its own state-changing calls, and lets each of them fail, with a store and without
// one. Whatever was cut, after a recovery the folder is all old or all new, new if the exit code had said so, and nothing
// is left of the staging folder.
func TestRunCut(t *testing.T) {
	bin := needBinary(t)
	for _, stored := range []bool{false, true} {
		for _, errno := range []syscall.Errno{0, unix.EIO, unix.ENOSPC} {
			t.Run(fmt.Sprintf("stored %v, %s", stored, cutName(errno)), func(t *testing.T) {
				t.Parallel()
				dir, codes := filepath.Join(workFolder(t), "stand"), map[int]int{}
				for n := 1; ; n += pace() {
					s := &runStand{t, dir, bin, stored}
					s.prepare()
					res := s.run(supervise.Fault{At: n, Kill: errno == 0, Errno: errno, Match: notTheCommand})
					s.check(&res)
					codes[res.ExitCode]++
					if res.Hit == nil {
						break
					}
				}
				t.Logf("runs by exit code: %v", codes)
			})
		}
	}
}

func cutName(errno syscall.Errno) string {
	if errno == 0 {
		return "killed"
	}
	return errno.Error()
}

// pace is 1, so that every call has its turn, but for short tests.
func pace() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// notTheCommand leaves out the calls of the command that run starts: it makes one file, by an absolute path.
func notTheCommand(c supervise.Call) bool {
	return !(strings.HasSuffix(c.Path, "/made") && filepath.IsAbs(c.Path)) && !strings.HasSuffix(c.FD, "/made")
}

// runStand is one run of the command over and over in the same place.
type runStand struct {
	*testing.T
	dir    string
	bin    string
	stored bool
}

func (s *runStand) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// prepare makes the tree as it is before.
func (s *runStand) prepare() {
	s.must(os.RemoveAll(s.dir))
	s.must(os.MkdirAll(filepath.Join(s.dir, "root/out/sub"), 0o755))
	s.must(os.WriteFile(filepath.Join(s.dir, "root/out/made"), []byte("old"), 0o644))
	s.must(os.WriteFile(filepath.Join(s.dir, "root/out/sub/same"), []byte("same"), 0o644))
	if s.stored {
		st, err := txn.Open(context.Background(), filepath.Join(s.dir, "root"), nil)
		s.must(err)
		s.must(st.Update(context.Background(), func(tx *txn.Tx) error { return tx.Chmod("out/made", 0o600) }))
		s.must(st.Close())
	}
}

func (s *runStand) run(f supervise.Fault) supervise.Result {
	res, err := supervise.Run(f, supervise.Options{Dir: s.dir}, s.bin, "-C", "root", "run", "--path", "out", "--seed", "--",
		"sh", "-c", `printf new >"$TXCOMMIT_STAGE/made"`)
	s.must(err)
	return res
}

// check looks at what a run has left.
func (s *runStand) check(res *supervise.Result) {
	s.Helper()
	root := filepath.Join(s.dir, "root")
	now := s.content(root)
	_, err := txn.Recover(context.Background(), root, nil)
	then := s.content(root)
	switch state, serr := (&stand{dir: s.dir}).status(context.Background()); {
	case err != nil || serr != nil || state.State != "clean":
		s.Errorf("recover: %v; status: %+v, %v", err, state, serr)
	case then != "new same" && then != "old same":
		s.Errorf("the tree holds %q", then)
	case (res.ExitCode == exitOK) != (now == "new same") && res.Signal == 0 && !incomplete(res):
		s.Errorf("the tree held %q", now)
	case now != then && res.Signal == 0 && !incomplete(res):
		s.Errorf("the tree held %q, and %q after a recovery", now, then)
	case res.ExitCode != exitOK && res.ExitCode != exitOwn && res.Signal == 0:
		s.Errorf("want exit code %d", exitOwn)
	}
	for _, part := range []string{"stage", "trash"} {
		if left, err := os.ReadDir(filepath.Join(root, ".txcommit", part)); err == nil && len(left) > 0 {
			s.Errorf("left in %s: %v", part, left)
		}
	}
	if s.Failed() {
		s.Fatalf("cut at %v: exit code %d\n%s%s", res.Hit, res.ExitCode, res.Stdout, res.Stderr)
	}
}

func incomplete(res *supervise.Result) bool {
	return strings.Contains(string(res.Stderr), "txcommit recover")
}

// content is that of all files, in order.
func (s *runStand) content(root string) string {
	s.Helper()
	var all []string
	for _, name := range []string{"out/made", "out/sub/same"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			b = []byte(err.Error())
		}
		all = append(all, string(b))
	}
	return strings.Join(all, " ")
}
