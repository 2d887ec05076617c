//go:build linux && wine

package wine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/crashtest/sandbox"
)

const manifest = `{"version": 1, "ops": [
  {"op": "tree", "path": "dist", "source": "new", "prune": true},
  {"op": "write", "path": "lock.json", "content": "new"},
  {"op": "rename", "from": "old-name", "to": "new-name"},
  {"op": "rename", "from": "folder", "to": "moved"},
  {"op": "remove", "path": "gone", "recursive": true},
  {"op": "remove", "path": "single"},
  {"op": "mkdir", "path": "fresh/empty"},
  {"op": "chmod", "path": "mode", "mode": "0400"}
]}`

// seed makes a root as it is before the manifest is applied, and the source of its tree.
func seed(t *testing.T, base string) {
	t.Helper()
	files := map[string]string{
		"root/lock.json": "old", "root/old-name": "named", "root/folder/in": "1", "root/folder/sub/in": "2",
		"root/gone/a": "a", "root/gone/b/c": "c", "root/single": "s", "root/mode": "m", "root/dist/only-old/x": "x",
		"new/only-new/y/z": "z",
	}
	for i := range 20 {
		files[fmt.Sprintf("root/dist/f%d", i)] = fmt.Sprint("old ", i)
		files[fmt.Sprintf("new/f%d", i)] = fmt.Sprint("new ", i%10, i)
	}
	for i := range 5 {
		files[fmt.Sprintf("new/f%d", i)] = files[fmt.Sprintf("root/dist/f%d", i)] // these stay
	}
	files["m.json"] = manifest
	for name, content := range files {
		p := filepath.Join(base, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// look describes a root without its state folder.
func look(t *testing.T, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Name() == ".txcommit" {
			return fs.SkipDir
		}
		if e.IsDir() {
			got[p[len(root):]] = "folder"
			return nil
		}
		b, err := os.ReadFile(p)
		i, serr := e.Info()
		if err = errors.Join(err, serr); err == nil {
			got[p[len(root):]] = fmt.Sprintf("%v %s", i.Mode()&0o200, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// txcommit is the command, to be run in a folder, and what it will have said.
func txcommit(t *testing.T, exe, base string, args ...string) (*exec.Cmd, func() string) {
	t.Helper()
	cmd := command(wine64, append([]string{exe}, args...)...)
	cmd.Dir = base
	said, err := output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

// killed runs a command, kills it some time after it has begun to stage or to recover, and says whether it had ended with
// success before.
func killed(t *testing.T, cmd *exec.Cmd, begun func() bool, after time.Duration) (done bool, code int) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !begun() {
		select {
		case err := <-ended:
			return err == nil, cmd.ProcessState.ExitCode()
		case <-time.After(200 * time.Microsecond):
		}
	}
	select {
	case <-ended:
	case <-time.After(after):
		_ = cmd.Process.Kill()
		<-ended
	}
	return cmd.ProcessState.Success(), cmd.ProcessState.ExitCode()
}

// TestKilled kills commits at random moments, and every other time the recovery too. After the next recovery the tree is
// all old or all new, new if the commit was acknowledged, and nothing is left behind.
func TestKilled(t *testing.T) {
	sandbox.Need(t, wine)
	exe, err := build("txcommit", "build", "./cmd/txcommit")
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 50
	old, fresh, took := outcomes(t, exe)
	var ends struct{ old, new, acknowledged, unfinished, recoveries int }
	random := rand.New(rand.NewPCG(1, 2))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	for round := range rounds {
		base := filepath.Join(dir, fmt.Sprint("round", round))
		seed(t, base)
		root := filepath.Join(base, "root")
		commit, said := txcommit(t, exe, base, "apply", "-C", "root", "--allow-unsafe-fs", "--history", "0", "m.json")
		done, code := killed(t, commit, holds(root, ".txcommit/stage"), upTo(took.commit*3/2))
		if code > 0 {
			t.Fatalf("round %d: apply: exit code %d\n%s", round, code, said())
		}
		if names, _ := filepath.Glob(filepath.Join(root, ".txcommit/stage/*")); len(names) > 0 {
			ends.unfinished++
			if round%2 == 0 {
				recovery, _ := txcommit(t, exe, base, "recover", "-C", "root", "--allow-unsafe-fs")
				if ok, _ := killed(t, recovery, atOnce, took.recovery/2+upTo(took.recovery)); !ok {
					ends.recoveries++
				}
			}
		}
		if said, err := recoverAll(t, exe, base); err != nil {
			t.Fatalf("round %d: recover: %v\n%s", round, err, said)
		}
		switch got := look(t, root); {
		case maps.Equal(got, fresh):
			ends.new++
		case maps.Equal(got, old) && !done:
			ends.old++
		default:
			t.Fatalf("round %d: acknowledged %v, and the tree is %q\nold %q\nnew %q\n%s", round, done, got, old, fresh, said())
		}
		if done {
			ends.acknowledged++
		}
		for _, folder := range []string{"stage", "trash", "displaced"} {
			if names, _ := filepath.Glob(filepath.Join(root, ".txcommit", folder, "*")); len(names) > 0 {
				t.Errorf("round %d: left in %s: %q", round, folder, names)
			}
		}
		if err := os.RemoveAll(base); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds: %+v", rounds, ends)
	if ends.old < 5 || ends.new < 5 || ends.unfinished < 10 || ends.recoveries < 3 || ends.acknowledged < 3 {
		t.Errorf("too few of a kind to mean anything: %+v", ends)
	}
}

// recoverAll runs a recovery to its end, again where Wine's own server has failed it.
func recoverAll(t *testing.T, exe, base string) (out string, err error) {
	t.Helper()
	for range 3 {
		cmd, said := txcommit(t, exe, base, "recover", "-C", "root", "--allow-unsafe-fs")
		err = cmd.Run()
		if out = said(); err == nil || !strings.Contains(out, "wine client error") {
			break
		}
	}
	return out, err
}

// times are how long it takes to commit, from the first staged name on, and to recover, from the start on.
type times struct{ commit, recovery time.Duration }

// outcomes are the tree before and after.
func outcomes(t *testing.T, exe string) (old, fresh map[string]string, took times) {
	t.Helper()
	base := filepath.Join(dir, "outcomes")
	seed(t, base)
	root := filepath.Join(base, "root")
	old = look(t, root)
	cmd, said := txcommit(t, exe, base, "apply", "-C", "root", "--allow-unsafe-fs", "--history", "0", "m.json")
	var start time.Time
	begun := func() bool {
		start = time.Now()
		return holds(root, ".txcommit/stage")()
	}
	if done, _ := killed(t, cmd, begun, time.Hour); !done {
		t.Fatal(said())
	}
	took.commit = time.Since(start)
	fresh = look(t, root)
	if maps.Equal(old, fresh) {
		t.Fatal("the manifest changes nothing")
	}
	start = time.Now()
	cmd, said = txcommit(t, exe, base, "recover", "-C", "root", "--allow-unsafe-fs")
	if err := cmd.Run(); err != nil {
		t.Fatal(said())
	}
	took.recovery = time.Since(start)
	t.Logf("a commit takes %v, a recovery %v", took.commit, took.recovery)
	return old, fresh, took
}

func atOnce() bool { return true }

// holds says that there is something in a folder.
func holds(root, folder string) func() bool {
	return func() bool {
		entries, err := os.ReadDir(filepath.Join(root, folder))
		return err == nil && len(entries) > 0
	}
}
