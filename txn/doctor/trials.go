package doctor

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn"
)

// trials tries in a folder of its own what commits are made of.
func (x *examination) trials() (err error) {
	if x.broken {
		x.note("trials", Warn, "nothing was tried: see to the store first")
		return nil
	}
	probe, err := txn.ProbeFolder(x.path)
	if err != nil {
		level, means := Fail, "nothing can be committed"
		if readOnly(err) {
			means = "nothing can be committed, only read, and nothing was tried"
		}
		x.note("writing", level, "%s: %v", means, err)
		return nil
	}
	defer func() { err = errors.Join(err, probe.Close()) }()
	x.note("writing", OK, "this user can make files here")
	d, err := fsys.OpenDir(probe.Dir())
	if err != nil {
		return &fs.PathError{Op: "open", Path: probe.Dir(), Err: err}
	}
	defer d.Close()
	t := &trial{x, d}
	for _, try := range []func() error{t.locks, t.rename, t.exchange, t.links, t.reflink, t.cases, t.flush} {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		if err := try(); err != nil {
			return &fs.PathError{Op: "try", Path: probe.Dir(), Err: err}
		}
	}
	return nil
}

// trial is a folder to try things in. Every method leaves it as it was, or fails.
type trial struct {
	*examination
	dir *fsys.Dir
}

// make makes files.
func (t *trial) make(names ...string) error {
	for _, n := range names {
		f, err := t.dir.Create(n, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(n)
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// clear removes what is there.
func (t *trial) clear() error {
	names, err := t.dir.Names()
	for _, n := range names {
		if err == nil {
			err = t.dir.Unlink(n)
		}
	}
	return err
}

func (t *trial) locks() error {
	f, err := t.dir.Create("lock", 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := t.dir.Open("lock")
	if err != nil {
		return err
	}
	defer g.Close()
	first, err := fsys.TryLock(f, true)
	second := true
	if err == nil {
		second, err = fsys.TryLock(g, true)
	}
	if err != nil || !first || second {
		t.note("locks", Fail, "flock does not keep others out here: two commits at once could mix")
	} else {
		t.note("locks", OK, "flock keeps commits apart, as far as all processes see this file system on this machine")
	}
	return t.clear()
}

func (t *trial) rename() error {
	if err := t.make("a", "b"); err != nil {
		return err
	}
	over := t.dir.RenameNoReplace("a", t.dir, "b")
	free := t.dir.RenameNoReplace("a", t.dir, "c")
	if errors.Is(over, fs.ErrExist) && free == nil {
		t.note("rename", OK, "a new file never replaces one that appears at its path meanwhile")
	} else {
		t.note("rename", Fail, "names cannot be given without replacing (%v): commits would lose what others put there", errors.Join(over, free))
	}
	return t.clear()
}

func (t *trial) exchange() error {
	if err := t.make("a", "b"); err != nil {
		return err
	}
	switch err := t.dir.Exchange("a", t.dir, "b"); {
	case err == nil:
		t.note("exchange", OK, "two names change places at once: what is swapped out is checked, and undo takes no space")
	case errors.Is(err, fsys.ErrUnsupported):
		t.note("exchange", Warn, "names cannot be exchanged: commits take longer, and what somebody puts at a path between check and rename can be lost")
	default:
		return err
	}
	return t.clear()
}

func (t *trial) links() error {
	if err := t.make("a"); err != nil {
		return err
	}
	if err := t.dir.Link("a", t.dir, "b"); err != nil {
		t.note("hard links", Warn, "files cannot be linked (%v): renames of files are refused, and run and --move copy", err)
	} else {
		t.note("hard links", OK, "what run and --move publish is linked into place, not copied")
	}
	return t.clear()
}

func (t *trial) reflink() error {
	if err := t.make("a"); err != nil {
		return err
	}
	src, err := t.dir.Open("a")
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := t.dir.Create("b", 0o600)
	if err != nil {
		return err
	}
	defer dst.Close()
	switch err := fsys.Clone(dst, src); {
	case err == nil:
		t.note("reflink", OK, "copies share their blocks: they take no time and no space, as those of run --seed")
	case errors.Is(err, fsys.ErrUnsupported):
		t.note("reflink", OK, "no, as on most file systems: run --seed and sources are copied byte by byte")
	default:
		return err
	}
	return t.clear()
}

func (t *trial) cases() error {
	if err := t.make("case"); err != nil {
		return err
	}
	switch i, err := t.dir.Stat("CASE"); {
	case err != nil:
		return err
	case i.Exists():
		t.note("case", Warn, "names that differ in case only are one file here: a tree that has both cannot be published")
	default:
		t.note("case", OK, "names that differ in case are different files")
	}
	return t.clear()
}

// flushes is how often a flush is timed.
const flushes = 7

// slow is from when on a flush is worth a word.
const slow = 30 * time.Millisecond

func (t *trial) flush() error {
	f, err := t.dir.Create("flush", 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	took := make([]time.Duration, flushes)
	for i := range took {
		if took[i], err = timeFlush(f, int64(i)); err != nil {
			return err
		}
	}
	slices.Sort(took)
	level := OK
	if took[flushes/2] > slow {
		level = Warn
	}
	t.note("flush", level, "%.1f ms, of which a commit takes a handful, however many files it has", float64(took[flushes/2].Microseconds())/1000)
	if t.vol.SyncFS {
		t.note("syncfs", OK, "one flush makes all files of a commit durable")
	} else {
		t.note("syncfs", Warn, "it is not trusted on %s: every file is flushed by itself, and commits of many files take longer", t.vol.Name)
	}
	return t.clear()
}

// timeFlush makes a little more content durable.
func timeFlush(f *os.File, i int64) (time.Duration, error) {
	var page [4096]byte
	if _, err := f.WriteAt(page[:], i*int64(len(page))); err != nil {
		return 0, err
	}
	start := time.Now()
	err := fsys.SyncFile(f)
	return time.Since(start), err
}
