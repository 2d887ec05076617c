//go:build linux

package block

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/txcommit/txcommit/crashtest/oracle"
)

// Tally counts states.
type Tally struct {
	States                int // distinct ones, mounted, recovered and checked
	Redone, Undone, Swept int // those whose recovery did so
	Partial               int // those with a tree in between, which the recovery has changed
	Nested                int // those of them that come from a recovery that was cut
	Recordings, Syncfs    int // recorded workloads, and calls of syncfs in them
	// Unmountable are those that the file system itself did not survive; they are not among States.
	Unmountable []string
	Violations  []Violation
}

// Add adds the counts of another tally.
func (t *Tally) Add(o Tally) {
	t.States += o.States
	t.Redone += o.Redone
	t.Undone += o.Undone
	t.Swept += o.Swept
	t.Partial += o.Partial
	t.Nested += o.Nested
	t.Recordings += o.Recordings
	t.Syncfs += o.Syncfs
	t.Unmountable = append(t.Unmountable, o.Unmountable...)
	t.Violations = append(t.Violations, o.Violations...)
}

// String lists the counts.
func (t Tally) String() string {
	return fmt.Sprintf("%d recordings (%d syncfs): %d distinct states (%d nested): %d redone, %d undone, %d swept, %d trees in between; %d unmountable, %d violations",
		t.Recordings, t.Syncfs, t.States, t.Nested, t.Redone, t.Undone, t.Swept, t.Partial, len(t.Unmountable), len(t.Violations))
}

// A Violation is a state that the oracle does not accept.
type Violation struct {
	State State
	Acked int
	Err   error
	Kept  string // where the state was kept
}

// enough violations end an exploration: they are most likely all the same one.
const enough = 5

// An Explorer checks the states of one recording.
type Explorer struct {
	Recording *Recording
	Bin       string // the command that recovers
	Temp      string // a folder for its files
	Workers   int
	Quiet     bool // keep no states of violations

	mu     sync.Mutex
	tally  Tally
	seen   map[key]bool
	digest *digest
	left   int
	queue  []State
	moved  []State // those that were redone, undone or swept
}

// key is what makes two states the same: what is on the medium, and what may be asked of it.
type key struct {
	content uint64
	acked   int
}

// Explore checks up to limit distinct ones of the states, in their order. The error is about the lab.
func (x *Explorer) Explore(all []State, limit int) (Tally, error) {
	x.queue, x.left, x.tally = all, limit, Tally{}
	x.seen, x.digest = map[key]bool{}, newDigest(x.Recording.start)
	workers := max(1, x.Workers)
	if x.Recording.FS.Type == "btrfs" {
		workers = 1 // it knows a file system by its id, which all images share
	}
	errs := make(chan error, workers)
	for n := range workers {
		go func() { errs <- x.work(filepath.Join(x.Temp, fmt.Sprint("worker", n))) }()
	}
	var first error
	for range workers {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return x.tally, first
}

// next returns a state that was not seen before; nil if there is none left.
func (x *Explorer) next() *State {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) > 0 && x.left > 0 && len(x.tally.Violations) < enough {
		s := &x.queue[0]
		x.queue = x.queue[1:]
		k := key{x.digest.of(x.Recording.Log, s), x.Recording.acked(s.At)}
		if x.seen[k] {
			continue
		}
		x.seen[k] = true
		x.left--
		return s
	}
	return nil
}

func (x *Explorer) work(dir string) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "image"))
	if err != nil {
		return err
	}
	defer f.Close()
	served := oracle.Serve(x.Bin)
	defer func() { err = errors.Join(err, served.Close()) }()
	for s := x.next(); s != nil; s = x.next() {
		if err := s.write(f, x.Recording.start, x.Recording.Log); err != nil {
			return err
		}
		if err := x.one(s, served.Run, f.Name(), filepath.Join(dir, "mnt")); err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
	}
	return nil
}

// one checks one state, of which image is a file.
func (x *Explorer) one(s *State, run oracle.Runner, image, mnt string) error {
	acked := x.Recording.acked(s.At)
	found, mounted, err := verifyImage(x.Recording, run, image, mnt, acked)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case !mounted && errors.Is(err, errMount):
		x.tally.Unmountable = append(x.tally.Unmountable, fmt.Sprintf("%v: %v", s, err))
		return nil
	case !mounted:
		return err
	}
	if x.tally.count(found) {
		x.moved = append(x.moved, *s)
	}
	if err != nil {
		v := Violation{State: *s, Acked: acked, Err: err}
		if !x.Quiet {
			v.Kept = x.Recording.keep(&v)
		}
		x.tally.Violations = append(x.tally.Violations, v)
	}
	return nil
}

// count counts one state, and says whether there was anything to recover in it.
func (t *Tally) count(v *oracle.Verdict) bool {
	t.States++
	if v == nil || v.Report == nil {
		return false
	}
	redone, undone, swept := v.Report.Outcomes("completed") > 0, v.Report.Outcomes("rolled-back") > 0, v.Report.Swept > 0
	for n, yes := range map[*int]bool{&t.Redone: redone, &t.Undone: undone, &t.Swept: swept, &t.Partial: v.Moved} {
		if yes {
			*n++
		}
	}
	return redone || undone || swept
}

// errMount says that a file system does not mount any more.
var errMount = errors.New("does not mount")

// verifyImage mounts an image and lets the oracle recover and judge it. Without being mounted the error is not about
// the product: errMount, or one of the lab.
func verifyImage(r *Recording, run oracle.Runner, image, mnt string, acked int) (v *oracle.Verdict, mounted bool, err error) {
	m, err := r.FS.Mount(image, mnt)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errMount, err)
	}
	v, err = r.Case.Verify(run, folder(mnt), acked)
	if uerr := m.Close(); uerr != nil {
		return nil, false, uerr
	}
	return v, true, err
}
