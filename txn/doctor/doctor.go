package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn"
)

// Level says how good a finding is.
type Level string

// The levels. Fail is what makes commits fail, or the guarantee void; Warn what makes some of them fail, or slow.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is what one check has found.
type Finding struct {
	Check string // "exchange"
	Level Level
	Text  string // one sentence on what it means for the user
}

// Examine checks a root. An error says that it could not be done to the end; what was found so far is returned too.
func Examine(ctx context.Context, root string, opts *txn.Options) ([]Finding, error) {
	d, err := fsys.OpenDir(root)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: root, Err: err}
	}
	defer d.Close()
	x := &examination{ctx: ctx, path: root, root: d}
	if opts != nil {
		x.opts = *opts
	}
	x.accepted = x.opts.AllowUnsafeFS
	x.opts.AllowUnsafeFS = true // what is unsafe is told, and then looked at
	for _, check := range []func() error{x.volume, x.store, x.trials, x.space, x.below} {
		if err := ctx.Err(); err != nil {
			return x.findings, err
		}
		if err := check(); err != nil {
			return x.findings, err
		}
	}
	return x.findings, nil
}

// examination is one run of Examine.
type examination struct {
	ctx      context.Context
	path     string
	root     *fsys.Dir
	opts     txn.Options
	accepted bool // the user accepts an unsafe file system
	vol      fsys.Volume
	broken   bool // the store is
	findings []Finding
}

func (x *examination) note(check string, level Level, format string, args ...any) {
	x.findings = append(x.findings, Finding{check, level, fmt.Sprintf(format, args...)})
}

// measured are the file systems on which the guarantee was tested.
var measured = map[string]bool{"ext4": true, "xfs": true, "btrfs": true, "overlay": true}

func (x *examination) volume() (err error) {
	if x.vol, err = x.root.Volume(); err != nil {
		return &fs.PathError{Op: "statfs", Path: x.path, Err: err}
	}
	level, text := judge(x.vol, x.accepted)
	x.note("file system", level, "%s", text)
	if !fsys.SyncsFolders {
		x.note("power loss", Warn, "this system has no call that makes names durable: a commit is all or nothing when a process dies, "+
			"and may be lost or be half there when the power fails")
	}
	if x.vol.Name == "overlay" {
		x.overlay()
	}
	return nil
}

// judge says what a file system means for the guarantee.
func judge(v fsys.Volume, accepted bool) (Level, string) {
	switch {
	case v.Unusable != "":
		return Fail, v.Name + ": every command refuses it, because " + v.Unusable
	case v.Unsafe != "" && !accepted:
		return Fail, v.Name + ": every command refuses it unless --allow-unsafe-fs, because " + v.Unsafe
	case v.Unsafe != "":
		return Warn, v.Name + ": the guarantee does not hold, because " + v.Unsafe
	case v.Name == "tmpfs":
		return Warn, "tmpfs: commits are atomic, but nothing survives a restart"
	case measured[v.Name]:
		return OK, v.Name + ": the guarantee holds on storage that honours flushes"
	}
	return Warn, "type " + v.Name + ": nothing is known against it, but it was never tested"
}

// store looks at the store and its journal, and touches neither.
func (x *examination) store() error {
	st, err := txn.Status(x.ctx, x.path, &x.opts)
	switch {
	case errors.Is(err, fs.ErrPermission):
		x.broken = true
		x.note("store", Fail, "this user may not look into .txcommit: %v", err)
		return nil
	case err != nil:
		x.broken = true
		x.note("store", Fail, "it takes no transaction: %v", err)
		return nil
	case st.State == "busy":
		x.note("store", OK, "%s holds it just now; others wait", holder(st))
	case len(st.Pending) > 0:
		x.note("store", Warn, "%d unfinished: the next commit or 'txcommit recover' ends what a crash has left", len(st.Pending))
	case st.Store == "":
		x.note("store", OK, "there is none yet; the first commit makes it")
	default:
		x.note("store", OK, "no transaction is unfinished")
	}
	if len(st.Displaced) > 0 {
		x.note("displaced", Warn, "%d kept in .txcommit/displaced: look whether you miss something, then delete it", len(st.Displaced))
	}
	if st.Store == "" {
		return nil
	}
	switch err := txn.Check(x.path, &x.opts); {
	case errors.Is(err, txn.ErrBusy):
		x.note("journal", Warn, "not checked while somebody holds the store: try again")
	case err != nil:
		x.broken = true
		x.note("journal", Fail, "%v; 'txcommit recover --rebuild' sets it aside and keeps what was staged", err)
	default:
		x.note("journal", OK, "every page is as it must be")
	}
	return nil
}

func holder(st *txn.State) string {
	if st.Holder == nil {
		return "another process"
	}
	return fmt.Sprintf("pid %d on %s", st.Holder.PID, st.Holder.Host)
}

// Below these a commit soon finds no room.
const (
	fewBytes  = 64 << 20
	fewInodes = 1000
)

func (x *examination) space() error {
	s, err := x.root.Space()
	if errors.Is(err, fsys.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "statfs", Path: x.path, Err: err}
	}
	level, text := OK, fmt.Sprintf("%s free; a commit needs room for all new content beside the old", size(s.Bytes))
	if s.Bytes < fewBytes {
		level = Warn
	}
	if s.Counted && s.Inodes < fewInodes {
		level, text = Warn, fmt.Sprintf("%d inodes free; a commit needs one for each new file beside the old", s.Inodes)
	}
	x.note("space", level, "%s", text)
	return nil
}

func size(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// readOnly says that nothing can be tried, and that this is not the store's fault.
func readOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}
