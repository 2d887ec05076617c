//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

// lacking are the calls that a kernel or a file system does not have, or does not permit. With protected_hardlinks it
// is EPERM for the links of an ordinary user to files of others.
var lacking = map[string]func(supervise.Call) syscall.Errno{
	"links": func(c supervise.Call) syscall.Errno {
		if c.Name == "linkat" || c.Name == "link" {
			return unix.EPERM
		}
		return 0
	},
	"exchange": func(c supervise.Call) syscall.Errno {
		if c.Name == "renameat2" && c.Args[4] == unix.RENAME_EXCHANGE {
			return unix.EINVAL
		}
		return 0
	},
}

// fallbackOps are what a file system without hard links must be able to do.
const fallbackOps = `{"version": 1, "ops": [
{"op": "write", "path": "a", "content": "new a"}, {"op": "write", "path": "d/b", "content": "new b", "mode": "0600"},
{"op": "write", "path": "n/new", "content": "new"}, {"op": "remove", "path": "gone"},
{"op": "symlink", "path": "l", "target": "n/new"}, {"op": "chmod", "path": "m", "mode": "0600"}]}`

// TestFallbacks kills commits, and the recoveries after them, before each of their calls where there are no hard links, or
// no exchange of names: all old or all new, and nothing is left.
func TestFallbacks(t *testing.T) {
	needs(t)
	for lacks, refuse := range lacking {
		t.Run(lacks, func(t *testing.T) {
			f := &fallback{T: t, refuse: refuse, ends: map[string]int{}}
			f.old = f.plant()
			if code := f.run(f.old, 0, "apply"); code != 0 {
				t.Fatalf("unharmed: exit code %d", code)
			}
			f.new = f.look(f.old.dir)
			for n := 1; f.kill(n); n++ {
			}
			t.Logf("%v", f.ends)
			if f.ends["old"] < 10 || f.ends["new"] < 5 {
				t.Errorf("%v: want some of each", f.ends)
			}
		})
	}
}

// TestNoFallback has neither hard links nor an exchange of names, or only one of them missing, where nothing else will do:
// the whole transaction is refused before its commit point, with the reason.
func TestNoFallback(t *testing.T) {
	needs(t)
	neither := func(c supervise.Call) syscall.Errno {
		return max(lacking["links"](c), lacking["exchange"](c))
	}
	for _, tt := range []struct {
		ops    string
		refuse func(supervise.Call) syscall.Errno
		says   string
	}{
		{fallbackOps, neither, "write a: names cannot be exchanged here, so that to replace a file takes a second link to it: operation not permitted"},
		{
			`{"version": 1, "ops": [{"op": "write", "path": "a", "content": "x"}, {"op": "rename", "from": "m", "to": "m2"}]}`,
			lacking["links"], "rename m2: a rename needs a second link to the file: operation not permitted",
		},
		{
			`{"version": 1, "ops": [{"op": "write", "path": "still", "content": "x"}, {"op": "tree", "path": "tree", "source": "src", "prune": true}]}`,
			lacking["exchange"], "tree/d: this file system cannot exchange names, so a directory cannot be replaced in one step",
		},
		{
			`{"version": 1, "ops": [{"op": "write", "path": "still", "content": "x"}, {"op": "tree", "path": "tree", "source": "src2", "prune": true}]}`,
			lacking["exchange"], "tree/f: this file system cannot exchange names, so a directory cannot take a file's place in one step",
		},
	} {
		f := &fallback{T: t, refuse: tt.refuse}
		p := f.plant()
		m := filepath.Join(p.dir, "m.json")
		if err := os.WriteFile(m, []byte(tt.ops), 0o600); err != nil {
			t.Fatal(err)
		}
		res, err := supervise.Run(supervise.Fault{Refuse: tt.refuse}, supervise.Options{Timeout: stepLimit},
			bin.Need(t), "apply", "--root", filepath.Join(p.dir, "root"), m)
		if err != nil || res.ExitCode != 1 || !strings.Contains(string(res.Stderr), tt.says) || !strings.Contains(string(res.Stderr), "hint: ") {
			t.Errorf("exit code %d, %v, want 1 and %q\n%s", res.ExitCode, err, tt.says, res.Stderr)
		}
		if got := f.look(p.dir); fmt.Sprint(got) != fmt.Sprint(p.tree) {
			t.Errorf("refused, and the tree is %v, want %v", got, p.tree)
		}
	}
}

// fallback is a commit that is killed again and again.
type fallback struct {
	*testing.T
	refuse func(supervise.Call) syscall.Errno
	old    planted
	new    map[string]string
	ends   map[string]int
	hit    bool
}

type planted struct {
	dir  string
	tree map[string]string
}

func (f *fallback) plant() planted {
	f.Helper()
	dir := sandbox.TempDir(f.T, "fallback-")
	for name, content := range map[string]string{
		"root/a": "old a", "root/d/b": "old b", "root/gone": "going", "root/m": "mode", "root/still": "life",
		"root/tree/d/in": "a folder", "root/tree/f": "a file", "src/d": "no folder", "src2/f/in": "no file",
	} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "m.json"), []byte(fallbackOps), 0o600); err != nil {
		f.Fatal(err)
	}
	return planted{dir, f.look(dir)}
}

// look describes what is in the root, without inodes and times.
func (f *fallback) look(dir string) map[string]string {
	f.Helper()
	seen, err := oracle.Look(filepath.Join(dir, "root"))
	if err != nil {
		f.Fatal(err)
	}
	out := map[string]string{}
	for p, n := range seen.Tree {
		out[p] = fmt.Sprintf("%c %04o %q", n.Kind, n.Mode, n.Text)
	}
	return out
}

// run runs a command that is killed before call n; 0 lets it live.
func (f *fallback) run(p planted, n int, command string) (exit int) {
	f.Helper()
	args := []string{bin.Need(f.T), command, "--root", filepath.Join(p.dir, "root")}
	if command == "apply" {
		args = append(args, filepath.Join(p.dir, "m.json"))
	}
	res, err := supervise.Run(supervise.Fault{At: n, Kill: n > 0, Refuse: f.refuse}, supervise.Options{Timeout: stepLimit}, args...)
	if err != nil {
		f.Fatalf("%s, killed before call %d: %v\n%s", command, n, err, res.Stderr)
	}
	f.hit = res.Hit != nil
	if n == 0 && res.ExitCode != 0 {
		f.Errorf("%s: exit code %d\n%s%s", command, res.ExitCode, res.Stdout, res.Stderr)
	}
	return res.ExitCode
}

// kill kills the commit before call n, and its recovery at a call that n tells. It says whether there was such a call.
func (f *fallback) kill(n int) bool {
	f.Helper()
	p := f.plant()
	if f.run(p, n, "apply"); !f.hit {
		return false
	}
	f.run(p, 1+n%17, "recover")
	f.run(p, 0, "recover")
	got := fmt.Sprint(f.look(p.dir))
	switch got {
	case fmt.Sprint(p.tree):
		f.ends["old"]++
	case fmt.Sprint(f.new):
		f.ends["new"]++
	default:
		f.Errorf("killed before call %d: got %s,\nwant %v\nor %v", n, got, p.tree, f.new)
	}
	root := filepath.Join(p.dir, "root")
	if _, err := os.Stat(filepath.Join(root, ".txcommit")); err == nil {
		seen, err := oracle.Look(root)
		if err == nil {
			err = oracle.Settled(oracle.Process(bin.Need(f.T)), root, seen)
		}
		if err != nil {
			f.Errorf("killed before call %d: %v", n, err)
		}
	}
	return true
}

// TestUnsafeRefused asks for a commit on a FUSE file system: it is refused with the reason, and nothing is made. With
// --allow-unsafe-fs it is done, and doctor says in both cases what is missing.
func TestUnsafeRefused(t *testing.T) {
	sandbox.Need(t, sandbox.Private)
	dir := sandbox.TempDir(t, "unsafe-")
	below, at := filepath.Join(dir, "below"), filepath.Join(dir, "at")
	for _, d := range []string{below, at} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	node, err := fusefs.NewLoopbackRoot(below)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sandbox.NewServer(fusefs.NewNodeFS(node, nil), at, &fuse.MountOptions{})
	if err != nil {
		sandbox.Need(t, sandbox.Probed("FUSE", func() error { return err }))
	}
	go server.Serve()
	defer func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	}()
	if err := server.WaitMount(); err != nil {
		t.Fatal(err)
	}
	const reason = "what a FUSE file system makes durable is up to its server"
	said, exit := commit(t, at, write("a"))
	if exit != 1 || !strings.Contains(said.Error.Message, reason) || !strings.Contains(said.Error.Hint, "--allow-unsafe-fs") {
		t.Errorf("exit code %d, %+v; want 1, the reason and a hint", exit, said)
	}
	if left, err := os.ReadDir(below); err != nil || len(left) > 0 {
		t.Errorf("left by what was refused: %v, %v", left, err)
	}
	for _, allow := range []bool{false, true} {
		args := []string{bin.Need(t), "doctor", "-C", at}
		if allow {
			args = append(args, "--allow-unsafe-fs")
		}
		res, err := supervise.Run(supervise.Fault{}, supervise.Options{Timeout: stepLimit}, args...)
		if err != nil || !strings.Contains(string(res.Stdout), reason) || (res.ExitCode == 0) != allow {
			t.Errorf("doctor, allowed %t: exit code %d, %v\n%s", allow, res.ExitCode, err, res.Stdout)
		}
	}
	res, err := supervise.Run(supervise.Fault{}, supervise.Options{Timeout: stepLimit},
		bin.Need(t), "sync", "-C", at, "--allow-unsafe-fs", filepath.Join(dir, "src"), "d")
	if err != nil || res.ExitCode != 1 {
		t.Errorf("sync of no source: exit code %d, %v", res.ExitCode, err)
	}
}
