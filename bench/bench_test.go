//go:build linux

package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { isolated(m.Run) }

// need skips a test that cannot run here, or fails it where everything must run.
func need(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNeeds) && os.Getenv("TXCOMMIT_REQUIRE") != "all":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// onExt4 runs f on a journaled ext4 image.
func onExt4(t *testing.T, f func(d *device) error) {
	t.Helper()
	need(t, imagesWork("ext4"))
	if err := onImage(t.Context(), "ext4", images["ext4"], t.TempDir(), f); err != nil {
		t.Fatal(err)
	}
}

func built(t *testing.T) string {
	t.Helper()
	cli, remove, err := buildCLI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return cli
}

// The flushes of a commit do not grow with the number of its files. Each is the least of some rounds: what else goes on
// in the file system adds flushes to a round, and nothing takes one away.
func TestFlushesConstant(t *testing.T) {
	onExt4(t, func(d *device) error {
		least := map[string]int64{}
		for _, w := range []*workload{replace(20), replace(1000)} {
			rep := newReport(nil)
			b := &bench{device: d, systems: []*system{librarySystem()}, runs: 9, report: rep}
			if err := b.all(t.Context(), []*workload{w}); err != nil {
				return err
			}
			least[w.name] = math.MaxInt64
			for _, s := range rep.Rows[0].Samples {
				least[w.name] = min(least[w.name], s.Flushes)
			}
		}
		few, many := least["replace-20"], least["replace-1000"]
		t.Logf("flushes: %d for 20 files, %d for 1,000", few, many)
		if few == 0 {
			t.Errorf("got no flushes for 20 files: the device does not count them, or the commit is not durable")
		}
		if many-few > 2 || few-many > 2 {
			t.Errorf("got %d flushes for 20 files and %d for 1,000, want them to differ by 2 at most", few, many)
		}
		return nil
	})
}

// Memory does not grow with the size of a file, and little with the number of ops: whole processes, by their rusage.
func TestMemory(t *testing.T) {
	const large, many = 32 << 20, 300 << 20
	onExt4(t, func(d *device) error {
		p, err := measurePeaks(t.Context(), built(t), d.dir)
		if err != nil {
			return err
		}
		t.Logf("peak: %s for a small file, %s for one of 1 GiB, %s for %d ops", mib(p.small), mib(p.large), mib(p.many), manyOps)
		if got := p.large - p.small; got > large {
			t.Errorf("got %s more for a file of 1 GiB, want at most %s", mib(got), mib(large))
		}
		if p.many > many {
			t.Errorf("got %s for a manifest of %d ops, want at most %s", mib(p.many), manyOps, mib(many))
		}
		return nil
	})
}

// At rest the state folder takes less than 1 MiB, also after a commit that has grown the journal.
func TestStateFolderAtRest(t *testing.T) {
	const most = 1 << 20
	onExt4(t, func(d *device) error {
		for _, w := range []*workload{replace(1), replace(10_000)} {
			rep := newReport(nil)
			without := commandSystem() // without history, which is no rest: it is there to be used
			without.open = openCommand("--history", "0")
			b := &bench{device: d, systems: []*system{without}, runs: 1, cli: built(t), report: rep}
			w.minRuns = 0
			if err := b.all(t.Context(), []*workload{w}); err != nil {
				return err
			}
			got := rep.Rows[0].Rest
			t.Logf("%s: .txcommit takes %d KiB", w.name, got>>10)
			if got == 0 || got >= most {
				t.Errorf("%s: .txcommit takes %d bytes, want some and less than %d", w.name, got, most)
			}
		}
		return nil
	})
}

// All systems that need no installation bring the same content into place (rounds verifies that): one round of the smallest
// of each kind of workload. Each takes part wherever it has a call.
func TestSystems(t *testing.T) {
	need(t, imagesWork("ext4"))
	cli := built(t)
	all := slices.DeleteFunc(systems(), func(s *system) bool { return s.install != nil })
	takes := func(call func(*system) string) (n int) {
		for _, s := range all {
			if call(s) != "" {
				n++
			}
		}
		return n
	}
	files := takes(func(s *system) string { return s.files })
	onExt4(t, func(d *device) error {
		rep := newReport(all)
		b := &bench{device: d, systems: all, runs: 1, cli: cli, report: rep}
		tree := &workload{name: "tree", begin: smallTree, next: changeSome}
		if err := b.all(t.Context(), []*workload{replace(5), steady(2), writers(3, 2), tree}); err != nil {
			return err
		}
		want := 2*files + takes(func(s *system) string { return s.writers }) + takes(func(s *system) string { return s.tree })
		if got := len(rep.Rows); got != want {
			t.Errorf("got %d rows, want %d", got, want)
		}
		for _, r := range rep.Rows {
			if r.Median.Time <= 0 || r.Ratio <= 0 {
				t.Errorf("%s, %s: got time %v and ratio %v, want both above 0", r.Workload, r.System, r.Median.Time, r.Ratio)
			}
			if settles := strings.HasPrefix(r.System, "library") || r.System == "floor"; settles != (r.Median.After > 0) {
				t.Errorf("%s, %s: got %v after the return, want some for the library only", r.Workload, r.System, r.Median.After)
			}
		}
		rep.print(&strings.Builder{})
		return nil
	})
}

// smallTree is a tree of two files, of which the first one changes.
func smallTree(_ context.Context, dir string) (*input, error) {
	in := &input{dir: filepath.Join(dir, "new"), at: "tree", files: []string{"a"}}
	err := os.Mkdir(in.dir, 0o777)
	for _, name := range []string{"a", "b"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(in.dir, name), []byte(name+"\n"), 0o666))
	}
	return in, err
}

// A failure leaves neither a mount nor an attached loop device behind. Other programs may attach some of their own, so
// it is the one of this image that is looked at.
func TestImageIsGone(t *testing.T) {
	need(t, imagesWork("ext4"))
	failure := errors.New("failure")
	var loop, mnt string
	err := onImage(t.Context(), "ext4", images["ext4"], t.TempDir(), func(d *device) error {
		loop, mnt = filepath.Base(filepath.Dir(d.stat)), d.dir
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatalf("got error %v, want %v", err, failure)
	}
	if _, err := os.Stat(mnt); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: got %v, want it gone", mnt, err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), mnt) {
		t.Errorf("%s is still mounted", mnt)
	}
	image, err := os.ReadFile("/sys/block/" + loop + "/loop/backing_file")
	if err == nil && strings.Contains(string(image), filepath.Dir(mnt)) {
		t.Errorf("%s is still attached to %s", loop, image)
	}
}
