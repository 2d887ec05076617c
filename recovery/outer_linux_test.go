package recovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
)

// outerAt is the outer folder of a spread world.
const outerAt = "m/.txcommit-" + txid + "-0"

// spread is a world with another file system at m, and an install, a remove and a chmod there beside an install at home.
type spread struct {
	*world
	disk string // what is mounted at m
}

func newSpread(t *testing.T) *spread {
	t.Helper()
	w := newWorld(t)
	s := &spread{w, memoryDir(t)}
	if err := unix.Mount("tmpfs", s.disk, "tmpfs", 0, "size=8m"); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs the right to mount: %v", err)
		}
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(s.disk, unix.MNT_DETACH) })
	w.mkdir("m")
	s.mount()
	w.must(os.Mkdir(w.path(outerAt), 0o700))
	s.note("outer-0", &journal.OuterNote{Host: "m", HostInode: w.inode("m"), Top: "m", TopInode: w.inode("m")})
	w.rec.Subs = append(w.rec.Subs, journal.OuterSub("m", filepath.Base(outerAt), w.inode(outerAt)))
	w.parent("m")
	return s
}

func (s *spread) mount() {
	s.Helper()
	at := s.path("m")
	s.must(unix.Mount(s.disk, at, "", unix.MS_BIND, ""))
	s.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

func (s *spread) unmount() {
	s.Helper()
	s.must(unix.Unmount(s.path("m"), unix.MNT_DETACH))
}

func (s *spread) note(name string, n *journal.OuterNote) {
	s.Helper()
	b, err := n.Encode()
	s.must(err)
	s.must(os.WriteFile(s.path(".txcommit/stage/"+txid+"/"+name), b, 0o600))
}

// there adds an install in m.
func (s *spread) there(flags journal.Flags, T, content string) *journal.Step {
	s.Helper()
	st := s.step(journal.Install, flags, "m/"+T)
	st.Sub = 1
	at := outerAt + "/" + NewName(st.Num)
	s.write(at, content)
	st.New, st.Walk = s.inode(at), Seal(s.info(at))
	return st
}

// gone adds a remove in m.
func (s *spread) gone(T string) {
	s.Helper()
	st := s.step(journal.Remove, none, "m/"+T)
	st.Sub = 1
	at := outerAt + "/" + OldName(st.Num)
	if s.info("m/"+T).Kind == 2 {
		s.mkdir(at)
	} else {
		s.write(at, "")
	}
	st.New = s.inode(at)
}

func (s *spread) read(p string) string {
	b, err := os.ReadFile(s.path(p))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// besieged has steps at home and in m.
func besiegedSpread(t *testing.T) *spread {
	t.Helper()
	s := newSpread(t)
	s.write("T", "T old")
	s.write("m/T", "mT old")
	s.write("m/gone", "gone")
	s.install(exchange, "T", "T new")
	s.there(exchange, "T", "mT new")
	s.gone("gone")
	return s
}

func (s *spread) checkEnded(rep Report, err error) {
	s.Helper()
	if err != nil || s.read("T") != "T new" || s.read("m/T") != "mT new" || s.exists("m/gone") {
		s.Errorf("recovery: %+v, %v; T %q, m/T %q, m/gone is there: %t", rep, err, s.read("T"), s.read("m/T"), s.exists("m/gone"))
	}
	s.checkNoOuter()
}

func (s *spread) checkNoOuter() {
	s.Helper()
	left, err := os.ReadDir(s.path("m"))
	s.must(err)
	for _, e := range left {
		if strings.HasPrefix(e.Name(), ".txcommit") {
			s.Errorf("m/%s is left", e.Name())
		}
	}
	if left, err := os.ReadDir(s.path(".txcommit/stage")); err != nil || len(left) > 0 {
		s.Errorf("stage/ holds %v, %v", left, err)
	}
}

func (s *spread) exists(p string) bool {
	_, err := os.Lstat(s.path(p))
	return err == nil
}

// TestOuterRecovery redoes and undoes steps on two file systems, each from what a crash may have left of them.
func TestOuterRecovery(t *testing.T) {
	for _, state := range []journal.State{journal.Decided, journal.Aborting} {
		for name, done := range map[string]func(s *spread){
			"nothing done": func(*spread) {},
			"home done":    func(s *spread) { s.exchange("T", s.staged("0.new")) },
			"m done": func(s *spread) {
				s.exchange("m/T", outerAt+"/1.new")
				s.rename("m/gone", outerAt+"/2.old")
			},
		} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				s := besiegedSpread(t)
				done(s)
				s.put(state)
				rep, err := s.recover()
				if state == journal.Decided {
					s.checkEnded(rep, err)
					return
				}
				if err != nil || s.read("T") != "T old" || s.read("m/T") != "mT old" || s.read("m/gone") != "gone" {
					t.Errorf("undo: %+v, %v; T %q, m/T %q, m/gone %q", rep, err, s.read("T"), s.read("m/T"), s.read("m/gone"))
				}
				s.checkNoOuter()
			})
		}
	}
}

// TestOuterUnmounted recovers while what the transaction changes is not mounted, or was mounted again for reading only, or its
// outer folder was deleted: incomplete, and nothing is touched, whatever is there by then. Mounted again, all is well.
func TestOuterUnmounted(t *testing.T) {
	for name, tt := range map[string]struct {
		away, back func(s *spread)
		says       string
	}{
		"unmounted": {(*spread).unmount, (*spread).mount, "m: what the unfinished transaction changes here is missing"},
		"another one": {func(s *spread) {
			s.unmount()
			s.must(unix.Mount("tmpfs", s.path("m"), "tmpfs", 0, "size=1m"))
			s.write("m/T", "mT old")
		}, func(s *spread) { s.unmount(); s.mount() }, "m: what the unfinished transaction changes here is missing"},
		"read-only": {
			func(s *spread) {
				s.must(unix.Mount("", s.path("m"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
			},
			func(s *spread) { s.must(unix.Mount("", s.path("m"), "", unix.MS_REMOUNT|unix.MS_BIND, "")) },
			"read-only file system",
		},
		"deleted": {
			func(s *spread) { s.rename(outerAt, "m/elsewhere") }, func(s *spread) { s.rename("m/elsewhere", outerAt) },
			"was deleted by another program",
		},
	} {
		for _, state := range []journal.State{journal.Decided, journal.Aborting} {
			t.Run(name+" "+state.String(), func(t *testing.T) {
				s := besiegedSpread(t)
				s.exchange("T", s.staged("0.new"))
				s.put(state)
				tt.away(s)
				before := s.everything(s.root)
				for range 2 {
					_, err := s.recover()
					if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), tt.says) {
						t.Errorf("recover = %v, want ErrIncomplete that says %q", err, tt.says)
					}
					s.same("incomplete", before, s.everything(s.root))
				}
				tt.back(s)
				rep, err := s.recover()
				if state == journal.Decided {
					s.checkEnded(rep, err)
				} else if err != nil || s.read("T") != "T old" {
					t.Errorf("undo: %+v, %v; T %q", rep, err, s.read("T"))
				}
			})
		}
	}
}

// foreigners are what somebody may have put at a path, each with what is wrong with it elsewhere.
var foreigners = map[string]struct {
	put   func(s *spread, at string)
	check func(s *spread, at string) string
}{
	"file": {func(s *spread, at string) {
		s.write("m/theirs", "theirs")
		s.rename("m/theirs", at)
		s.must(unix.Chmod(s.path(at), 0o4751))
		s.must(os.Chtimes(s.path(at), unixTime, unixTime))
		s.must(unix.Setxattr(s.path(at), "user.note", []byte("mine"), 0))
	}, func(s *spread, at string) string {
		var b [16]byte
		n, _ := unix.Getxattr(s.path(at), "user.note", b[:])
		i := s.info(at)
		if s.read(at) != "theirs" || i.Mode != 0o4751 || i.Mtime != unixTime.UnixNano() || string(b[:max(n, 0)]) != "mine" {
			return fmt.Sprintf("%q, mode %o, time %d, attribute %q", s.read(at), i.Mode, i.Mtime, b[:max(n, 0)])
		}
		return ""
	}},
	"link": {func(s *spread, at string) {
		s.remove(at)
		s.must(os.Symlink("nowhere", s.path(at)))
	}, func(s *spread, at string) string {
		if to, _ := os.Readlink(s.path(at)); to != "nowhere" {
			return to
		}
		return ""
	}},
	"folder": {func(s *spread, at string) {
		s.remove(at)
		s.mkdir(at)
		s.mkdir(at + "/sub")
		s.write(at+"/sub/f", "deep")
		s.must(os.Symlink("f", s.path(at+"/sub/l")))
		s.must(os.Chmod(s.path(at+"/sub"), 0o500))
	}, func(s *spread, at string) string {
		if to, _ := os.Readlink(s.path(at + "/sub/l")); s.read(at+"/sub/f") != "deep" || to != "f" || s.info(at+"/sub").Mode != 0o500 {
			return s.read(at + "/sub/f")
		}
		return ""
	}},
	"FIFO": {func(s *spread, at string) {
		s.remove(at)
		s.must(unix.Mkfifo(s.path(at), 0o640))
	}, func(s *spread, at string) string {
		i, err := os.Lstat(s.path(at))
		if err != nil || i.Mode() != os.ModeNamedPipe|0o640 {
			return i.Mode().String()
		}
		return ""
	}},
}

// TestOuterForeign has somebody's own content where a step takes it out, on another file system than displaced/: it gets
// there, with mode, time and attributes, whatever it is, and once, also where a first try was cut after the copy.
func TestOuterForeign(t *testing.T) {
	for name, tt := range foreigners {
		for _, cut := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := newSpread(t)
				s.write("m/T", "old")
				s.there(exchange, "T", "new")
				tt.put(s, "m/T")
				s.put(journal.Decided)
				kept := ".txcommit/displaced/" + txid + "-0-T"
				if cut && name != "FIFO" { // the copy is there, and the original still in the tree
					d, err := s.env.Root.Beneath("m")
					s.must(err)
					s.must(copyDurably(d, "T", s.env.Displaced, filepath.Base(kept), "part"))
					s.must(d.Close())
				}
				rep, err := s.recover()
				if err != nil || s.read("m/T") != "new" || !slices.Equal(rep.Displaced, []string{kept}) {
					t.Fatalf("recover: %+v, %v; m/T %q", rep, err, s.read("m/T"))
				}
				if got := tt.check(s, kept); got != "" {
					t.Errorf("displaced/: %s", got)
				}
				if all, err := os.ReadDir(s.path(".txcommit/displaced")); err != nil || len(all) != 1 {
					t.Errorf("displaced/ holds %v, %v", all, err)
				}
				s.checkNoOuter()
			})
		}
	}
}

// TestOuterForeignMount has somebody's folder, with something mounted in it, where a step takes it out: it cannot be copied, which
// is said with what there is to do, and nothing is left of the try. When that is unmounted it is kept, and so it is by who gives
// the transaction up.
func TestOuterForeignMount(t *testing.T) {
	for _, abandons := range []bool{false, true} {
		s := newSpread(t)
		s.write("m/T", "old")
		s.there(exchange, "T", "new")
		s.remove("m/T")
		s.mkdir("m/T")
		s.mkdir("m/T/sub")
		s.mkdir("m/T/sub/disk")
		s.must(unix.Mount("tmpfs", s.path("m/T/sub/disk"), "tmpfs", 0, "size=1m"))
		s.put(journal.Decided)
		again := func() (Report, error) {
			if !abandons {
				return s.recover()
			}
			out, err := s.env.Abandon(txid)
			return Report{Displaced: out.Displaced}, err
		}
		_, err := s.recover()
		const at = outerAt + "/0.new/sub/disk"
		for range 2 {
			if !errors.Is(err, ErrIncomplete) || !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "something is mounted at "+at+", and has to be unmounted") {
				t.Fatalf("recover: %v", err)
			}
			if left, err := os.ReadDir(s.path(".txcommit/displaced")); err != nil || len(left) > 0 {
				t.Errorf("displaced/ holds %v, %v", left, err)
			}
			_, err = again()
		}
		s.must(unix.Unmount(s.path(at), 0))
		rep, err := again()
		kept := ".txcommit/displaced/" + txid + map[bool]string{false: "-0-T", true: "/from" + filepath.Base(outerAt) + "/0.new"}[abandons] + "/sub/disk"
		if err != nil || !s.exists(kept) {
			t.Errorf("unmounted: %+v, %v; %s is there: %t", rep, err, kept, s.exists(kept))
		}
	}
}

var unixTime = time.Unix(1_000_000_000, 42)
