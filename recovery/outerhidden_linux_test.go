package recovery

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
)

// cover mounts something over a folder, until the function is called.
func (s *spread) cover(p string) (uncover func()) {
	s.Helper()
	at := s.path(p)
	s.must(unix.Mount("tmpfs", at, "tmpfs", 0, "size=1m"))
	s.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
	return func() { s.must(unix.Unmount(at, unix.MNT_DETACH)) }
}

// dropRights takes from this thread what lets root read everything, until the function is called.
func (s *spread) dropRights() (back func()) {
	s.Helper()
	runtime.LockOSThread()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var was [2]unix.CapUserData
	s.must(unix.Capget(&hdr, &was[0]))
	less := was
	less[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	s.must(unix.Capset(&hdr, &less[0]))
	return func() {
		s.must(unix.Capset(&hdr, &was[0]))
		runtime.UnlockOSThread()
	}
}

// TestOuterHidden has the host of an outer folder where it cannot be seen: covered by a mount, itself or what it is in, before
// or after it was moved, or in a folder that is another user's. It is not gone then: what is left of the dead process is told,
// and kept until it can be swept.
func TestOuterHidden(t *testing.T) {
	for how, tt := range map[string]struct {
		hide func(s *spread) (back func())
		why  error
	}{
		"covered":               {func(s *spread) func() { return s.cover("m/x/h") }, errHidden},
		"covered outer folder":  {func(s *spread) func() { return s.cover("m/x/h/" + filepath.Base(outerAt)) }, syscall.EBUSY},
		"in what is covered":    {func(s *spread) func() { return s.cover("m/x") }, errHidden},
		"moved to what is then": {func(s *spread) func() { s.mkdir("m/y"); s.rename("m/x/h", "m/y/h"); return s.cover("m/y") }, errHidden},
		"another user's": {func(s *spread) func() {
			s.mkdir("m/y")
			s.rename("m/x/h", "m/y/h")
			s.must(os.Chmod(s.path("m/y"), 0o700))
			s.must(os.Chown(s.path("m/y"), 65534, 65534))
			return s.dropRights()
		}, errHidden},
		"in what is another user's now": {func(s *spread) func() {
			s.must(os.Chmod(s.path("m/x"), 0o700))
			s.must(os.Chown(s.path("m/x"), 65534, 65534))
			return s.dropRights()
		}, syscall.EACCES},
	} {
		t.Run(how, func(t *testing.T) {
			s := newSpread(t)
			s.mkdir("m/x")
			s.mkdir("m/x/h")
			s.hostIn("m/x/h")
			back := tt.hide(s)
			rep, err := s.recover()
			if err != nil || rep.Swept != 0 || len(rep.Left) != 1 || !errors.Is(rep.Left[0].Why, tt.why) {
				t.Errorf("recover: %+v, %v; want that it is left: %v", rep, err, tt.why)
			}
			back()
			s.checkSwept()
		})
	}
}

// checkSwept recovers and looks for outer folders everywhere on the disk.
func (s *spread) checkSwept() {
	s.Helper()
	if rep, err := s.recover(); err != nil || rep.Swept != 1 || len(rep.Left) > 0 {
		s.Errorf("recover: %+v, %v; want one swept", rep, err)
	}
	for p := range s.everything(s.disk) {
		if journal.IsOuter(filepath.Base(p)) {
			s.Errorf("%s is left", p)
		}
	}
	s.checkNoOuter()
}

// TestOuterDeep moves the host below more folders than a process may have open.
func TestOuterDeep(t *testing.T) {
	s := newSpread(t)
	s.mkdir("m/h")
	s.hostIn("m/h")
	deep := path.Join("m", strings.Repeat("d/", 90))
	s.must(os.MkdirAll(s.path(deep), 0o700))
	s.rename("m/h", deep+"/h")
	var was unix.Rlimit
	s.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	s.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: was.Max}))
	rep, err := s.recover()
	s.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	if err != nil || rep.Swept != 1 || len(rep.Left) > 0 || s.exists(deep+"/h/"+filepath.Base(outerAt)) {
		t.Errorf("recover: %+v, %v; want one swept", rep, err)
	}
}

// TestOuterCoveredAbandon gives up a transaction whose outer folder is covered by a mount: its path is told.
func TestOuterCoveredAbandon(t *testing.T) {
	s := newSpread(t)
	uncover := s.cover(outerAt)
	got, err := s.env.KeepDead()
	if want := []string{".txcommit/displaced/" + txid, outerAt}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	uncover()
	if !s.exists(outerAt) {
		t.Error("it is gone")
	}
}

// TestOuterDeleted deletes the host: with a whole look it is gone, and what a mount hides may hold it as well as not.
func TestOuterDeleted(t *testing.T) {
	s := newSpread(t)
	s.mkdir("m/h")
	s.hostIn("m/h")
	s.mkdir("m/other")
	uncover := s.cover("m/other")
	s.remove("m/h")
	if rep, err := s.recover(); err != nil || len(rep.Left) != 1 || rep.Left[0].Why != errHidden {
		t.Errorf("recover: %+v, %v; want that it is left", rep, err)
	}
	uncover()
	s.checkSwept()
}

// TestOuterNeverBack gives up what a dead process has left on a disk that never comes back: recovery can neither sweep it nor
// forget it, and says whose it is.
func TestOuterNeverBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		record bool // of a transaction that has ended
	}{{txid, false}, {txid + EndedSuffix, false}, {txid + EndedSuffix, true}} {
		s, name := newSpread(t), tt.name
		if tt.record {
			s.there(none, "new", "new")
			s.put(journal.Decided)
		}
		s.rename(".txcommit/stage/"+txid, ".txcommit/stage/"+name)
		s.unmount()
		rep, err := s.recover()
		if err != nil || len(rep.Left) != 1 || rep.Left[0].Why != errAway || rep.Left[0].ID != txid {
			t.Fatalf("%s: recover: %+v, %v; want what is left of %s", name, rep, err, txid)
		}
		out, err := s.env.Abandon(txid)
		if want := []string{".txcommit/displaced/" + name, outerAt}; err != nil || !slices.Equal(out.Displaced, want) {
			t.Errorf("%s: give up: %+v, %v, want %q", name, out, err, want)
		}
		if rep, err := s.recover(); err != nil || len(rep.Left) > 0 {
			t.Errorf("%s: recover after that: %+v, %v", name, rep, err)
		}
		if _, err := s.env.Abandon(txid); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: give up again: %v, want that there is no such transaction, or that it is finished", name, err)
		}
	}
}

// TestOuterUnmadeAway has a first transaction that has died, whose disk is away: there is nothing yet that could be given up.
func TestOuterUnmadeAway(t *testing.T) {
	s := newSpread(t)
	s.unmount()
	rep, err := s.env.SweepUnmade()
	if err != nil || len(rep.Left) != 1 || rep.Left[0].ID != "" {
		t.Errorf("got %+v, %v; want that it is left, without an id", rep, err)
	}
}

// TestOuterNotSought has a host that was moved, and a sweep by who has come for something else: it does not look for it, says so,
// and leaves the rest to who does.
func TestOuterNotSought(t *testing.T) {
	s := newSpread(t)
	s.mkdir("m/h")
	s.hostIn("m/h")
	s.rename("m/h", "m/other")
	s.env.Thorough = false
	if rep, err := s.recover(); err != nil || len(rep.Left) != 1 || rep.Left[0].Why != errElsewhere {
		t.Errorf("recover: %+v, %v; want that it is left", rep, err)
	}
	s.env.Thorough = true
	s.checkSwept()
}
