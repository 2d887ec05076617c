// Package make_test runs the example for make and ninja.
package make_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/examples/internal/run"
)

// interrupter stands in for tr. In the call that is due it kills the whole build, or with it txcommit, which has started
// the build's process group.
const interrupter = `#!/bin/sh
echo x >>"$CALLS"
if [ "$(wc -l <"$CALLS")" -eq "$DIE_AT" ]; then
	group=$(cut -d ' ' -f 5 /proc/$$/stat)
	[ "$VICTIM" != txcommit ] || kill -KILL "$(cut -d ' ' -f 4 "/proc/$group/stat")"
	kill -KILL "-$group"
fi
exec %s "$@"
`

// TestInterrupted kills a build before each of its outputs is made. The output tree is whole each time, that of the last
// build that has succeeded, and so is what the next build makes of it.
func TestInterrupted(t *testing.T) {
	path := run.Txcommit(t)
	for _, tool := range []string{"make", "ninja"} {
		for _, victim := range []string{"build", "txcommit"} {
			t.Run(tool+", "+victim, func(t *testing.T) {
				run.Need(t, tool)
				b := newBuild(t, path, tool, victim)
				for n := 0; ; n++ {
					b.edit(n)
					ended := b.run(n)
					if b.look(); ended {
						break
					}
					if n > 10 {
						t.Fatal("the build never ends")
					}
				}
				if out := b.tool(0); !strings.Contains(out, "up to date") && !strings.Contains(out, "no work to do") {
					t.Errorf("there is still something to do:\n%s", out)
				}
			})
		}
	}
}

// build is a copy of the example.
type build struct {
	*testing.T
	name, victim string
	dir          string
	bin          string // what stands in for other programs
	path         string // where txcommit is
	calls        string
	want         string // of all outputs
}

func newBuild(t *testing.T, path, tool, victim string) *build {
	b := &build{T: t, name: tool, victim: victim, dir: t.TempDir(), bin: t.TempDir(), path: path}
	b.calls = filepath.Join(b.bin, "calls")
	run.Must(t, os.CopyFS(b.dir, os.DirFS(".")))
	tr, err := exec.LookPath("tr")
	run.Must(t, err)
	run.Must(t, os.WriteFile(filepath.Join(b.bin, "tr"), fmt.Appendf(nil, interrupter, tr), 0o755))
	if out := b.tool(0); !strings.Contains(out, "committed") && tool == "make" {
		t.Fatalf("the first build says\n%s", out)
	}
	b.want = "PAGE"
	b.look()
	return b
}

// edit changes all sources.
func (b *build) edit(n int) {
	for _, name := range []string{"one", "two", "three"} {
		run.Must(b, os.WriteFile(filepath.Join(b.dir, "src", name+".txt"), fmt.Appendf(nil, "page %s, edition %d\n", name, n), 0o644))
	}
}

// run builds, and dies at the n-th output after the first. It says whether the build came to its end.
func (b *build) run(n int) bool {
	run.Must(b, os.RemoveAll(b.calls))
	out := b.tool(n + 1)
	calls, err := os.ReadFile(b.calls)
	run.Must(b, err)
	ended := len(calls)/2 <= n
	if ended {
		b.want = fmt.Sprintf("EDITION %d", n)
	}
	b.Logf("%d outputs begun, ended %v: %s", len(calls)/2, ended, out)
	return ended
}

// tool runs make or ninja.
func (b *build) tool(dieAt int) string {
	cmd := exec.Command(b.name)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "PATH="+b.bin+":"+b.path+":"+os.Getenv("PATH"),
		"CALLS="+b.calls, fmt.Sprint("DIE_AT=", dieAt), "VICTIM="+b.victim)
	out, err := cmd.CombinedOutput()
	if err != nil && dieAt == 0 {
		b.Fatalf("%s: %v\n%s", b.name, err, out)
	}
	return string(out)
}

// look checks that a stamp is there, and that all outputs are those that it belongs to.
func (b *build) look() {
	b.Helper()
	for _, name := range []string{".stamp", "one.html", "two.html", "three.html"} {
		content, err := os.ReadFile(filepath.Join(b.dir, "out", name))
		if err != nil || name != ".stamp" && !strings.Contains(string(content), b.want) {
			b.Errorf("%s holds %q, %v, want %q", name, content, err, b.want)
		}
	}
}
