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

// TestOuterForeign has somebody's own content where a step takes it out, on another file system than displaced/: it gets
// there, with mode, time and attributes, whatever it is, and once, also where a first try was cut after the copy.
func TestOuterForeign(t *testing.T) {
	for name, tt := range map[string]struct {
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
	} {
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

// TestOuterAbandon gives a transaction up: the tree stays, and what was in the outer folder goes to displaced/ with the rest,
// also by a rebuild; where it is not mounted it stays, and is told.
func TestOuterAbandon(t *testing.T) {
	for _, how := range []string{"mounted", "unmounted", "cut", "rebuild"} {
		t.Run(how, func(t *testing.T) {
			s := besiegedSpread(t)
			s.exchange("m/T", outerAt+"/1.new") // the old content is nowhere else
			if how != "rebuild" {
				s.put(journal.Decided)
			}
			inDisplaced := ".txcommit/displaced/" + txid
			want := []string{inDisplaced}
			kept := inDisplaced + "/from.txcommit-" + txid + "-0/1.new"
			switch how {
			case "unmounted":
				s.unmount()
				want = append(want, outerAt)
			case "cut": // half a copy of a first try
				s.mkdir(".txcommit/stage/" + txid + "/from.txcommit-" + txid + "-0.part")
				s.write(".txcommit/stage/"+txid+"/from.txcommit-"+txid+"-0.part/1.new", "ha")
			}
			var got []string
			var err error
			if how == "rebuild" {
				got, err = s.env.KeepDead()
			} else {
				var out Outcome
				out, err = s.env.Abandon(txid)
				got = out.Displaced
			}
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			if how == "unmounted" {
				s.mount()
				kept = outerAt + "/1.new"
			}
			if s.read("m/T") != "mT new" || s.read("T") != "T old" || s.read("m/gone") != "gone" || s.read(kept) != "mT old" {
				t.Errorf("T %q, m/T %q, m/gone %q, %s %q", s.read("T"), s.read("m/T"), s.read("m/gone"), kept, s.read(kept))
			}
			if how != "unmounted" {
				s.checkNoOuter()
			}
		})
	}
}

// TestOuterSwept removes what dead processes have left: before the commit point, after the end, and with a note whose folder
// was never made. While it is not mounted the stage folder waits.
func TestOuterSwept(t *testing.T) {
	for name, left := range map[string]func(s *spread){
		"staged":     func(*spread) {},
		"never made": func(s *spread) { s.remove(outerAt) },
		"torn note":  func(s *spread) { s.remove(outerAt); s.write(".txcommit/stage/"+txid+"/outer-0", "half a no") },
		"host gone":  func(s *spread) { s.must(os.Mkdir(s.path("m/h"), 0o700)); s.hostIn("m/h"); s.remove("m/h") },
		"ended": func(s *spread) {
			s.put(journal.Decided)
			s.rename(".txcommit/stage/"+txid, ".txcommit/stage/"+txid+EndedSuffix)
		},
		"half a sink": func(s *spread) { s.remove(outerAt + "/1.new") },
	} {
		t.Run(name, func(t *testing.T) {
			s := besiegedSpread(t)
			left(s)
			if name == "staged" || name == "ended" {
				s.unmount()
				if rep, err := s.recover(); err != nil || rep.Swept != 0 {
					t.Errorf("unmounted: %+v, %v; want it to wait", rep, err)
				}
				s.mount()
			}
			rep, err := s.recover()
			if err != nil || rep.Swept != 1 || len(rep.Recovered) > 0 {
				t.Errorf("recover: %+v, %v", rep, err)
			}
			if s.read("T") != "T old" || s.read("m/T") != "mT old" {
				t.Errorf("T %q, m/T %q", s.read("T"), s.read("m/T"))
			}
			s.checkNoOuter()
		})
	}
}

// hostIn moves the outer folder to another host, as the note says then.
func (s *spread) hostIn(host string) {
	s.Helper()
	s.rename(outerAt, host+"/"+filepath.Base(outerAt))
	s.note("outer-0", &journal.OuterNote{Host: host, HostInode: s.inode(host), Top: "m", TopInode: s.inode("m")})
}

// TestOuterForgedNotes has notes that lead elsewhere than to an outer folder of the transaction: nothing but such a folder is
// ever removed.
func TestOuterForgedNotes(t *testing.T) {
	const other = ".txcommit-019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a40-0"
	for name, forge := range map[string]func(s *spread) *journal.OuterNote{
		"out of the root": func(s *spread) *journal.OuterNote {
			return &journal.OuterNote{Host: "..", HostInode: s.inode(".."), Top: "..", TopInode: s.inode("..")}
		},
		"absolute": func(s *spread) *journal.OuterNote {
			return &journal.OuterNote{Host: s.root, HostInode: s.inode("."), Top: ".", TopInode: s.inode(".")}
		},
		"through a link": func(s *spread) *journal.OuterNote {
			s.must(os.Symlink("m", s.path("l")))
			return &journal.OuterNote{Host: "l", HostInode: s.inode("m"), Top: ".", TopInode: s.inode(".")}
		},
		"another host": func(s *spread) *journal.OuterNote {
			return &journal.OuterNote{Host: "m", HostInode: s.inode("."), Top: ".", TopInode: s.inode(".")}
		},
		"into the state folder": func(s *spread) *journal.OuterNote {
			s.mkdir(".txcommit/displaced/" + filepath.Base(outerAt))
			return &journal.OuterNote{Host: ".txcommit/displaced", HostInode: s.inode(".txcommit/displaced"), Top: ".", TopInode: s.inode(".")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpread(t)
			s.write(outerAt+"/f", "kept")
			s.mkdir(other)
			s.mkdir("m/" + other)
			s.note("outer-0", forge(s))
			s.must(os.Symlink("outer-0", s.path(".txcommit/stage/"+txid+"/outer-1")))
			s.write(".txcommit/stage/"+txid+"/outer-01", "")
			s.mkdir(".txcommit/stage/" + txid + "/outer-2")
			beside := filepath.Join(filepath.Dir(s.root), filepath.Base(outerAt))
			s.must(os.Mkdir(beside, 0o700))
			defer os.RemoveAll(beside)
			before := s.everything(s.root)
			_, err := s.recover()
			after := s.everything(s.root)
			if _, err := os.Lstat(beside); err != nil {
				t.Errorf("beside the root: %v", err)
			}
			for p := range before {
				if !strings.Contains(p, ".txcommit/stage/") && before[p] != after[p] && filepath.Base(p) != "stage" {
					t.Errorf("recover: %v; %s is %q, was %q", err, p, after[p], before[p])
				}
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		s := newSpread(t)
		s.remove(outerAt)
		s.must(os.Symlink(".", s.path(outerAt)))
		rep, err := s.recover()
		if err != nil || rep.Swept != 1 || !s.exists(outerAt) {
			t.Errorf("recover: %+v, %v; a link of that name is there: %t", rep, err, s.exists(outerAt))
		}
	})
}

// TestOuterReadOnlySweep leaves what lies on a file system that is mounted for reading only: nobody else is stopped by it.
func TestOuterReadOnlySweep(t *testing.T) {
	s := newSpread(t)
	s.must(unix.Mount("", s.path("m"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	if rep, err := s.recover(); err != nil || rep.Swept != 0 || !s.exists(outerAt) {
		t.Errorf("recover: %+v, %v", rep, err)
	}
	s.must(unix.Mount("", s.path("m"), "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	if rep, err := s.recover(); err != nil || rep.Swept != 1 {
		t.Errorf("mounted for writing: %+v, %v", rep, err)
	}
	s.checkNoOuter()
}

var unixTime = time.Unix(1_000_000_000, 42)
