package txcommit_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/txcommit/txcommit/internal/supervise"
)

// others are what people use instead, each replacing what is in root by what is in new. README compares with them.
var others = []struct {
	name   string
	script string
	torn   bool // single files can be seen half written, too
	touch  bool // what is in place already is written again
}{
	{"cp -r", `cp -r new/. root`, true, true},
	{
		"a rename for each file",
		`for f in a b same; do cp new/$f root/.$f.tmp && sync root/.$f.tmp && mv root/.$f.tmp root/$f; done`, false, true,
	},
}

// TestOthersTear kills what people use instead of txcommit before each of its state-changing calls, as TestKill of
// cmd/txcommit does with txcommit, and pins what README says of it: what can be half done, and what is touched in vain.
func TestOthersTear(t *testing.T) {
	needSupervisor(t)
	for _, o := range others {
		t.Run(o.name, func(t *testing.T) {
			var half, torn int
			for n := 1; ; n++ {
				dir := t.TempDir()
				before := twoReleases(t, dir)
				res, err := supervise.Run(supervise.Fault{At: n, Kill: true}, supervise.Options{Dir: dir}, "sh", "-c", o.script)
				if err != nil {
					t.Fatal(err)
				}
				a, b := read(t, dir, "root/a"), read(t, dir, "root/b")
				if a != b {
					half++
				}
				if a != "old\n" && a != "new\n" || b != "old\n" && b != "new\n" {
					torn++
				}
				if res.Hit != nil {
					continue
				}
				if res.ExitCode != 0 || a != "new\n" || b != "new\n" {
					t.Fatalf("unharmed: exit code %d, a %q, b %q\n%s", res.ExitCode, a, b, res.Stderr)
				}
				if got := !modified(t, dir).Equal(before); got != o.touch {
					t.Errorf("it touches what is in place: %v, want %v", got, o.touch)
				}
				break
			}
			if half == 0 || torn > 0 != o.torn {
				t.Errorf("killed at each call: %d times half of the set, %d times a torn file; want some, and torn files: %v",
					half, torn, o.torn)
			}
		})
	}
}

// twoReleases makes root and new in dir: two files that differ, and one that does not, whose time it returns.
func twoReleases(t *testing.T, dir string) time.Time {
	t.Helper()
	for _, f := range [][2]string{
		{"root/a", "old\n"},
		{"root/b", "old\n"},
		{"root/same", "same\n"},
		{"new/a", "new\n"},
		{"new/b", "new\n"},
		{"new/same", "same\n"},
	} {
		name := filepath.Join(dir, f[0])
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "root/same"), then, then); err != nil {
		t.Fatal(err)
	}
	return then
}

func modified(t *testing.T, dir string) time.Time {
	t.Helper()
	i, err := os.Stat(filepath.Join(dir, "root/same"))
	if err != nil {
		t.Fatal(err)
	}
	return i.ModTime()
}

func needSupervisor(t *testing.T) {
	t.Helper()
	err := supervise.Supported()
	if err != nil && os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs seccomp user notification: %v", err)
	}
	if err != nil {
		t.Skipf("needs seccomp user notification: %v", err)
	}
}
