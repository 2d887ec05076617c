//go:build linux

package soak

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

const (
	stateFolder = ".txcommit"
	// lookEnv makes this program print what is below the folder of its value: it is the command of a view.
	lookEnv = "TXCOMMIT_SOAK_LOOK"
	// actors work at the same time.
	actors = 4
	// keep is how many transactions of them are kept for undo.
	keep = 8
)

var (
	long = flag.Duration("long", 0, "how long to go on, all file systems together; 0 means a few hundred turns")
	seed = flag.Uint64("seed", 0, "of the dice; 0 means a new one")
)

// patience is after how many turns a run gives up on the floors.
const patience = 3000

// floors are what each run must have seen on each file system.
var floors = map[string]int{
	"turns": 150, "killed": 15, "recovered": 2, "fills": 2, "undos": 3, "views": 5,
	"foreign edits in a commit": 3, "foreign edits after a kill": 1,
}

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	if dir := os.Getenv(lookEnv); dir != "" {
		t, err := look(dir)
		if err = first(err, json.NewEncoder(os.Stdout).Encode(t)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(sandbox.Main(m))
}

// TestSoak lets actors work on one root until the time is over, and then checks the whole tree, also after a
// remount.
func TestSoak(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	all := []sandbox.FS{sandbox.Ext4, sandbox.XFS, sandbox.Btrfs}
	for _, fs := range all {
		t.Run(fs.Name, func(t *testing.T) {
			needs(t, fs)
			w := newWorld(t, fs)
			w.run(time.Now().Add(*long / time.Duration(len(all))))
			t.Logf("seed %d: %v", *seed, w.counts)
			for what, floor := range floors {
				if w.counts[what] < floor && !t.Failed() {
					t.Errorf("%s: %d, want at least %d", what, w.counts[what], floor)
				}
			}
		})
	}
}

func needs(t *testing.T, fs sandbox.FS) {
	t.Helper()
	sandbox.Need(t, sandbox.Private, sandbox.Probed("seccomp user notification", supervise.Supported))
	if fs.Type != "tmpfs" {
		sandbox.Need(t, sandbox.Loop(fs))
	}
}

// A world is a root on a disk of its own, and who works there.
type world struct {
	t      *testing.T
	fs     sandbox.FS
	temp   string
	bin    string
	root   string
	mount  *sandbox.Mount
	disk   *disk
	actors []*actor
	runs   atomic.Int64 // of commands
	// viewing is held shared by views, which are not protected from foreign programs.
	viewing sync.RWMutex

	mu     sync.Mutex
	counts map[string]int
	failed bool
}

func newWorld(t *testing.T, fs sandbox.FS) *world {
	t.Helper()
	w := &world{t: t, fs: fs, temp: sandbox.TempDir(t, "soak-"), bin: bin.Need(t), counts: map[string]int{}}
	if fs.Type != "tmpfs" {
		if err := fs.Make(w.image(), 0); err != nil {
			t.Fatal(err)
		}
	}
	w.attach()
	t.Cleanup(func() {
		if err := w.mount.Close(); err != nil {
			t.Error(err)
		}
	})
	w.root = filepath.Join(w.mount.Dir, "root")
	w.disk = &disk{dir: w.mount.Dir, rng: rand.New(rand.NewPCG(*seed, 0)), next: 30}
	for k := range actors {
		a := &actor{
			world: w, Rand: rand.New(rand.NewPCG(*seed, uint64(k+1))), name: fmt.Sprint("actor", k),
			sources: filepath.Join(w.temp, fmt.Sprint("src", k)),
		}
		w.actors = append(w.actors, a)
		start := tree{"mark": file("0644", "0"), "untouched": file("0644", a.name)}
		err := first(os.MkdirAll(a.dir(), 0o755), os.Mkdir(a.sources, 0o755),
			os.WriteFile(filepath.Join(a.dir(), "mark"), []byte("0"), 0o644),
			os.WriteFile(filepath.Join(a.dir(), "untouched"), []byte(a.name), 0o644))
		if err != nil {
			t.Fatal(err)
		}
		a.is(start)
	}
	return w
}

func (w *world) image() string { return filepath.Join(w.temp, "image") }

func (w *world) attach() {
	w.t.Helper()
	at := filepath.Join(w.temp, "mnt")
	var err error
	if w.fs.Type == "tmpfs" {
		w.mount, err = sandbox.MountAt("tmpfs", at, "tmpfs", "size=8m,nr_inodes=1k")
	} else {
		w.mount, err = w.fs.Mount(w.image(), at)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(what string, really bool) {
	if really {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.counts[what]++
	}
}

// going says that there is time, or work, left.
func (w *world) going(end time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	short := false
	for what, floor := range floors {
		short = short || w.counts[what] < floor
	}
	return !w.failed && (time.Now().Before(end) || short && w.counts["turns"] < patience)
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = true
	w.t.Errorf("seed %d: "+format, append([]any{*seed}, args...)...)
}

func (w *world) run(end time.Time) {
	var wg sync.WaitGroup
	for _, a := range w.actors {
		wg.Go(func() {
			for w.going(end) {
				if err := a.turn(); err != nil {
					w.fail("%s, version %d: %v", a.name, a.version, err)
				}
				w.count("turns", true)
				filled, err := w.disk.turn()
				if err != nil {
					w.fail("the disk: %v", err)
				}
				w.count("fills", filled)
			}
		})
	}
	wg.Wait()
	w.end()
}

// end checks the tree as a whole, recovers, checks that there is nothing left to do, and does it again after a remount.
func (w *world) end() {
	if err := w.disk.free(); err != nil {
		w.t.Fatal(err)
	}
	for range 2 {
		r, err := oracle.Recover(oracle.Process(w.bin), w.root)
		if err != nil || r.Exit != 0 {
			w.t.Fatalf("recover at the end: %v, %+v", err, r)
		}
		for _, a := range w.actors {
			seen, err := look(a.dir())
			if err = first(err, difference(seen, a.now())); err != nil {
				w.t.Errorf("%s at the end: %v", a.name, err)
			}
		}
		seen, err := oracle.Look(w.root)
		if err = first(err, w.tidy(seen), oracle.Settled(oracle.Process(w.bin), w.root, seen),
			oracle.CheckJournal(filepath.Join(w.root, stateFolder, "journal.db"))); err != nil {
			w.t.Errorf("at the end: %v", err)
		}
		if w.fs.Type == "tmpfs" {
			return // a remount would find nothing
		}
		if err := w.mount.Close(); err != nil {
			w.t.Fatal(err)
		}
		w.attach()
	}
}

// tidy says what there is at the end that has no business there, and whether the shared file is of a version that is.
func (w *world) tidy(seen *oracle.Seen) error {
	names := []string{"shared"}
	for _, a := range w.actors {
		names = append(names, a.name)
	}
	for p := range seen.Tree {
		if top, _, _ := strings.Cut(p, "/"); !slices.Contains(names, top) {
			return fmt.Errorf("litter: %s", p)
		}
	}
	for _, p := range seen.State {
		for _, folder := range []string{"stage/", "trash/"} {
			if strings.HasPrefix(p, folder) {
				return fmt.Errorf("litter: %s/%s", stateFolder, p)
			}
		}
	}
	name, version, _ := strings.Cut(seen.Tree["shared"].Text, " ")
	mark, err := strconv.Atoi(seen.Tree[name+"/mark"].Text)
	of, err2 := strconv.Atoi(version)
	if _, ok := seen.Tree["shared"]; ok && (err != nil || err2 != nil || mark < of) {
		return fmt.Errorf("shared is %q, but that actor is at %d", seen.Tree["shared"].Text, mark)
	}
	return nil
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
