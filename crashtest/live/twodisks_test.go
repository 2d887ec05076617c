//go:build linux

package live

import (
	"bytes"
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

// twoOps change a root on one disk and m below it, on another one, in every way.
const twoOps = `{"version": 1, "ops": [
	{"op": "write", "path": "h", "content": "new"},
	{"op": "write", "path": "m/a", "content": "new", "expect": "present"},
	{"op": "write", "path": "m/fresh/deep/f", "content": "f"},
	{"op": "remove", "path": "m/gone"},
	{"op": "remove", "path": "m/full", "recursive": true},
	{"op": "rename", "from": "m/from", "to": "m/to"},
	{"op": "rename", "from": "m/dir", "to": "m/moved"},
	{"op": "chmod", "path": "m/run", "mode": "0755"}]}`

const twoBuild = `rm -rf h .txcommit m/* m/.txcommit*; mkdir -p m/full m/dir; echo -n old >h; echo -n old >m/a
	for f in gone full/f from dir/f run; do echo -n $f >m/$f; done; sync -f . m`

// twoImages are those of the root and of m.
var twoImages = []string{"home", "outer"}

// twoDisks is a root with another file system at m.
type twoDisks struct {
	*testing.T
	fs       sandbox.FS
	temp     string
	outer    *sandbox.Mount // m
	home     *sandbox.Mount
	old, new map[string]string
}

func (d *twoDisks) base() string { return filepath.Join(d.temp, "mnt") }

func (d *twoDisks) m() string { return filepath.Join(d.base(), "m") }

func (d *twoDisks) mount() {
	d.Helper()
	var err error
	if d.home, err = d.fs.Mount(filepath.Join(d.temp, "home"), d.base()); err != nil {
		d.Fatal(err)
	}
	if d.outer, err = d.fs.Mount(filepath.Join(d.temp, "outer"), d.m()); err != nil {
		d.Fatal(err)
	}
}

func (d *twoDisks) unmount() {
	d.Helper()
	for _, m := range []*sandbox.Mount{d.outer, d.home} {
		if err := m.Close(); err != nil {
			d.Fatal(err)
		}
	}
}

// look reads the tree, in which there must be nothing of ours.
func (d *twoDisks) look() map[string]string {
	d.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(d.base(), func(p string, e iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.Name() == ".txcommit" || e.Name() == "lost+found" {
			return iofs.SkipDir
		}
		i, err := e.Info()
		if err != nil || p == d.base() {
			return err
		}
		line := i.Mode().String()
		if i.Mode().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " " + string(b)
		}
		all[p[len(d.base())+1:]] = line
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return all
}

// shut makes file systems refuse everything, and forget what they have not written.
func (d *twoDisks) shut(which int) {
	for i, at := range []string{d.base(), d.m()} {
		if which != 2 && which != i {
			continue
		}
		if err := shutdownAt(at, noLogFlush); err != nil {
			d.Error(err)
		}
	}
}

// TestTwoDisks shuts one of two file systems down, or both, before each system call of a commit that changes both. After the next
// mount and a recovery all is old or all is new, as the exit code has said, and nothing of ours is left in the tree.
func TestTwoDisks(t *testing.T) {
	for _, fs := range []sandbox.FS{sandbox.Ext4, sandbox.XFS} {
		t.Run(fs.Name, func(t *testing.T) {
			t.Parallel()
			needs(t, fs)
			d := &twoDisks{T: t, fs: fs, temp: sandbox.TempDir(t, "two-")}
			for _, image := range twoImages {
				if err := fs.Make(filepath.Join(d.temp, image), 0); err != nil {
					t.Fatal(err)
				}
			}
			d.mount()
			defer d.unmount()
			inside(t, d.base(), "sh", "-c", twoBuild)
			d.old = d.look()
			if said, exit := commit(t, d.base(), strings.TrimSuffix(twoOps[strings.Index(twoOps, "[")+1:], "]}")); exit != 0 {
				t.Fatalf("unharmed: exit code %d, %+v", exit, said)
			}
			d.new = d.look()
			codes, olds := map[int]int{}, 0
			for n := 1; ; n++ {
				code, old, hit := d.run(n, n%3)
				if !hit {
					break
				}
				codes[code]++
				if old {
					olds++
				}
			}
			t.Logf("runs by exit code: %v; %d old", codes, olds)
		})
	}
}

// run shuts down before call n.
func (d *twoDisks) run(n, which int) (code int, old, hit bool) {
	d.Helper()
	inside(d.T, d.base(), "sh", "-c", twoBuild)
	manifest := filepath.Join(d.temp, "m.json")
	if err := os.WriteFile(manifest, []byte(twoOps), 0o600); err != nil {
		d.Fatal(err)
	}
	res, err := supervise.Run(supervise.Fault{At: n, Stop: func(supervise.Call) { d.shut(which) }},
		supervise.Options{Timeout: stepLimit}, bin.Need(d.T), "apply", "-C", d.base(), manifest)
	if err != nil {
		d.Fatal(err)
	}
	if res.Hit == nil {
		return res.ExitCode, false, false
	}
	d.unmount()
	for _, image := range twoImages {
		at := filepath.Join(d.temp, image)
		if err := copyImage(at, at+cutSuffix); err != nil {
			d.Fatal(err)
		}
	}
	d.mount()
	if old, err = d.judge(res); err != nil {
		k := kept{FS: d.fs.Name, Images: twoImages, Old: d.old, New: d.new, Exit: res.ExitCode, Stdout: res.Stdout}
		d.Errorf("%d shut down before call %v: %s", which, res.Hit, k.keep(d.temp, err))
	}
	return res.ExitCode, old, true
}

// judge recovers, and says whether the tree is old; an error if it is neither old nor new, or not what the commit has said.
func (d *twoDisks) judge(res supervise.Result) (old bool, err error) {
	d.Helper()
	out, err := exec.Command(bin.Need(d.T), "recover", "-C", d.base()).CombinedOutput()
	is := d.look()
	old = maps.Equal(is, d.old)
	said := fmt.Sprintf("exit code %d: %s%s; recover: %v %s", res.ExitCode, res.Stdout, res.Stderr, err, out)
	switch {
	case err != nil, !old && !maps.Equal(is, d.new):
		return old, fmt.Errorf("%s; the tree is %v", said, is)
	case old && (bytes.Contains(res.Stdout, []byte("committed")) || res.ExitCode == 7), !old && res.ExitCode == 1:
		return old, fmt.Errorf("%s; the tree is old: %t", said, old)
	}
	return old, nil
}
