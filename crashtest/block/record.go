//go:build linux

package block

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

// stepLimit bounds a process of the binary.
const stepLimit = 60 * time.Second

// A Recording is a workload and what it did to the disk.
type Recording struct {
	FS   sandbox.FS
	Mode Mode
	Work *workload.Workload
	Log  []Entry // since the start tree was durable; marks hold the number of acknowledged steps

	// Case is what the oracle needs to know of the start.
	Case *oracle.Case
	// Requests is the number of writes and flushes, Failed that of those that returned EIO.
	Requests, Failed int
	// Syncfs is the number of syncfs that the program made: which way it takes depends on what else the system does.
	Syncfs int
	// Stopped is the first step that did not end as predicted, and how it did; -1: none. It takes a fault to stop one.
	Stopped  int
	ExitCode int
	Output   string

	seen  *oracle.Seen // the start tree
	start *image
	end   []byte // what the disk holds after it was unmounted
	// applying are the parts of the log from the first rename into or out of the tree to the end of its process.
	applying []span
	// done is the number of steps that were acknowledged before the recording.
	done int
}

// folder is the workload's folder in a mounted file system.
func folder(mnt string) string { return filepath.Join(mnt, "w") }

// A recorder is one run of a workload on a disk.
type recorder struct {
	*Recording
	bin  string
	disk *Disk
	dir  string // of the workload
	prod prodder
	// first is where the log was at the first rename of a process into or out of the tree; -1: there was none.
	first int
}

// span is a part of a log.
type span struct{ from, to int }

// Workload is the workload of a seed. One in four has transactions of level process, of which less is promised.
func Workload(seed uint64) *workload.Workload {
	return workload.New(seed, workload.Options{
		Steps: 5, Acts: true, Refusals: true, Owners: true, Attrs: true, Process: seed%4 == 0,
	})
}

// Record runs a workload on a new file system, in the folder temp, which must be empty. With a fault it ends with the
// first step that does not end as predicted; without one that is an error.
func Record(fs sandbox.FS, mode Mode, w *workload.Workload, f Fault, bin, temp string) (r *Recording, err error) {
	data, err := fresh(fs, temp)
	if err != nil {
		return nil, err
	}
	disk, err := NewDisk(filepath.Join(temp, "disk"), data)
	if err != nil {
		return nil, err
	}
	defer closing(disk.Close, &err)
	rec := &recorder{Recording: &Recording{FS: fs, Mode: mode, Work: w, Stopped: -1}, bin: bin, disk: disk}
	if err := rec.mounted(filepath.Join(temp, "mnt"), f); err != nil {
		return nil, err
	}
	rec.end = disk.Image()
	return rec.Recording, nil
}

// mounted does all that is done while the disk is mounted.
func (r *recorder) mounted(dir string, f Fault) (err error) {
	mnt, err := r.FS.MountDirect(r.disk.Path(), dir)
	if err != nil {
		return err
	}
	defer closing(mnt.Close, &err)
	r.dir = folder(mnt.Dir)
	if err := r.build(mnt.Dir); err != nil {
		return err
	}
	defer closing(r.prod.close, &err)
	r.start = newImage(r.disk.Start(f))
	err = r.steps(f.At > 0)
	r.Log, r.Requests, r.Failed = r.disk.Stop()
	r.Syncfs = r.prod.seen
	return err
}

// fresh is a new file system.
func fresh(fs sandbox.FS, temp string) ([]byte, error) {
	img := filepath.Join(temp, "image")
	defer os.Remove(img)
	if err := fs.Make(img, 0); err != nil {
		return nil, err
	}
	return os.ReadFile(img)
}

// closing calls a function at the end and keeps the first error.
func closing(f func() error, err *error) {
	if cerr := f(); *err == nil {
		*err = cerr
	}
}

// build makes the start tree, durable.
func (r *recorder) build(mnt string) (err error) {
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		return err
	}
	if err = r.Work.Build(r.dir); err != nil {
		return err
	}
	if r.seen, err = oracle.Look(workload.Root(r.dir)); err != nil {
		return err
	}
	if r.Case, err = oracle.NewCase(r.Work, r.seen); err != nil {
		return err
	}
	if err := r.prod.open(r.FS, r.Mode, mnt, r.Work.Seed); err != nil {
		return err
	}
	return r.prod.syncfs()
}

// steps runs all steps.
func (r *recorder) steps(faulty bool) error {
	for i := range r.Work.Steps {
		code, out, err := r.step(&r.Work.Steps[i])
		switch {
		case err != nil && !faulty:
			return fmt.Errorf("seed %d: step %d: %w", r.Work.Seed, i, err)
		case err != nil || code != r.Work.Steps[i].Exit:
			r.Stopped, r.ExitCode, r.Output = i, code, out
			if !faulty {
				return fmt.Errorf("seed %d: step %d: exit code %d, want %d\n%s", r.Work.Seed, i, code, r.Work.Steps[i].Exit, out)
			}
			return nil
		}
		r.disk.Mark(strconv.Itoa(i + 1))
	}
	return nil
}

// step runs one step. The error of an act is one of the file system.
func (r *recorder) step(s *workload.Step) (code int, out string, err error) {
	if s.Act != nil {
		return 0, "", s.Act.Do(r.dir)
	}
	res, err := r.supervise(s.Refuse, s.Command(r.bin, r.dir).Args...)
	if res.Signal != 0 {
		res.ExitCode = 128 + int(res.Signal)
	}
	return res.ExitCode, string(res.Stdout) + string(res.Stderr), err
}

// supervise runs a process in the mode of the recording, and notes what it did to the disk while it changed the tree.
func (r *recorder) supervise(refuse int, args ...string) (supervise.Result, error) {
	r.first = -1
	r.prod.step = func() {
		if r.first < 0 {
			r.first = r.disk.Len()
		}
	}
	res, err := supervise.Run(r.prod.fault(refuse), supervise.Options{Timeout: stepLimit}, args...)
	if r.first >= 0 {
		r.applying = append(r.applying, span{r.first, r.disk.Len()})
	}
	return res, err
}

// acked is the number of steps that were acknowledged before entry at.
func (r *Recording) acked(at int) (n int) {
	for i := at - 1; i >= 0; i-- {
		if r.Log[i].Kind == Mark {
			n, _ = strconv.Atoi(string(r.Log[i].Data))
			return n
		}
	}
	return r.done
}

// count counts the entries of a kind.
func (r *Recording) count(k Kind) (n int) {
	for i := range r.Log {
		if r.Log[i].Kind == k {
			n++
		}
	}
	return n
}

// States are those that the medium may have had at any moment of the recording, in random order; but two of three, while
// there are any, are of the time in which a process changed the tree.
func (r *Recording) States(rng *rand.Rand) []State {
	var parts [2][]State
	for _, s := range states(r.Log, r.FS.Atom, rng) {
		which := 0
		if slices.ContainsFunc(r.applying, func(a span) bool { return a.from <= s.At && s.At <= a.to }) {
			which = 1
		}
		parts[which] = append(parts[which], s)
	}
	var all []State
	for len(parts[0])+len(parts[1]) > 0 {
		for which, n := range []int{1, 2} {
			n = min(n, len(parts[which]))
			all, parts[which] = append(all, parts[which][:n]...), parts[which][n:]
		}
	}
	return all
}
