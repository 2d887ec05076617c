package main

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
)

func remount(at string, flags uintptr) error {
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|flags, "")
}

// aways take away where a commit has staged, and bring it back.
var aways = map[string]struct {
	w          *workload
	away, back func(root string) error
	says       string
	stops      bool // gc, too: it is refused
}{
	"away": {
		&spreadWorkloads[0],
		func(root string) error { return unix.Mount("tmpfs", root+"/m", "tmpfs", 0, "size=1m") },
		func(root string) error { return unix.Unmount(root+"/m", unix.MNT_DETACH) },
		"left: m/.txcommit-ID-0 (what it is on is not mounted)", false,
	},
	"read-only": {
		&spreadWorkloads[0],
		func(root string) error { return remount(root+"/m", unix.MS_RDONLY) },
		func(root string) error { return remount(root+"/m", 0) },
		"left: m/.txcommit-ID-0 (read-only file system)", false,
	},
	"no store yet": {
		&spreadWorkloads[1],
		func(root string) error { return remount(root+"/m", unix.MS_RDONLY) },
		func(root string) error { return remount(root+"/m", 0) },
		"left: m/.txcommit-ID-0 (read-only file system)", false,
	},
	"read-only root": {
		&spreadWorkloads[0],
		func(root string) error {
			if err := unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return err
			}
			return remount(root, unix.MS_RDONLY)
		},
		func(root string) error { return unix.Unmount(root, unix.MNT_DETACH) },
		"left: .txcommit/stage/ID (read-only file system)", true,
	},
}

// TestLeftElsewhere kills a commit that has staged on another file system, and then has that away, mounted for reading only, or
// the whole root so: who recovers or collects garbage is told what is left and why, by exit code 7 too; nobody else is stopped.
// When it is back the next recovery sweeps.
func TestLeftElsewhere(t *testing.T) {
	bin := needBinary(t)
	for name, tt := range aways {
		t.Run(name, func(t *testing.T) {
			s := tt.w.ready(t, bin, filepath.Join(workFolder(t), "stand"))
			staging := func(c supervise.Call) bool { return strings.Contains(c.FD, "/m/.txcommit-") }
			if res := s.apply(t, supervise.Fault{At: 1, Match: staging, Kill: true}); res.Hit == nil {
				t.Fatalf("not killed: exit code %d", res.ExitCode)
			}
			left := outers(s.root())
			if len(left) != 1 {
				t.Fatalf("outer folders: %q", left)
			}
			id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(left[0]), ".txcommit-"), "-0")
			if err := tt.away(s.root()); err != nil {
				t.Fatal(err)
			}
			says := strings.ReplaceAll(tt.says, "ID", id)
			runs := []readOnlyRun{{[]string{"recover"}, exitCleanup, says + "\n"}, {[]string{"recover", "-o", "json"}, exitCleanup, `{"result":"pending",`}}
			if len(tt.w.earlier) > 0 {
				runs = append(runs, readOnlyRun{[]string{"status"}, exitOK, "pending"})
			}
			if !tt.stops {
				runs = append(runs, readOnlyRun{[]string{"gc"}, exitCleanup, says + "\n"})
			}
			for _, r := range runs {
				r.check(t, s)
			}
			s.write(t, "home.json", `{"op": "write", "path": "quiet", "content": "stays"}`)
			readOnlyRun{[]string{"apply", "home.json"}, exitOK, "nothing to do"}.check(t, s)
			if err := tt.back(s.root()); err != nil {
				t.Fatal(err)
			}
			readOnlyRun{[]string{"recover"}, exitOK, "swept "}.check(t, s)
			if left := outers(s.root()); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if _, err := s.checkTree(old); err != nil {
				t.Error(err)
			}
		})
	}
}
