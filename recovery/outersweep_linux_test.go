package recovery

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/journal"
)

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

// TestOuterMoved moves the folder that an outer folder is in. Below the mount it is found by recovery and by who gives the
// transaction up; elsewhere it is left, and who gives it up is told its path. It is also told where nothing can be removed.
func TestOuterMoved(t *testing.T) {
	name := filepath.Base(outerAt)
	for how, tt := range map[string]struct {
		move  func(s *spread)
		told  []string // by who gives up
		found bool
	}{
		"within": {func(s *spread) { s.mkdir("m/x"); s.mkdir("m/x/y"); s.rename("m/h", "m/x/y/h") }, nil, true},
		"out":    {func(s *spread) { s.must(os.Rename(s.disk+"/in/h", s.disk+"/h")) }, []string{"m/h/" + name}, false},
		"read-only": {func(s *spread) {
			s.must(unix.Mount("", s.path("m"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		}, []string{"m/h/" + name}, true},
	} {
		start := func(t *testing.T, tt func(s *spread)) *spread {
			t.Helper()
			s := newSpread(t)
			s.must(os.MkdirAll(s.disk+"/in/h", 0o700))
			s.must(os.Rename(s.disk+"/"+name, s.disk+"/in/h/"+name))
			s.unmount()
			s.must(unix.Mount(s.disk+"/in", s.path("m"), "", unix.MS_BIND, ""))
			s.write("m/h/"+name+"/1.new", "kept")
			s.note("outer-0", &journal.OuterNote{Host: "m/h", HostInode: s.inode("m/h"), Top: "m", TopInode: s.inode("m")})
			tt(s)
			return s
		}
		t.Run(how+", given up", func(t *testing.T) {
			s := start(t, tt.move)
			got, err := s.env.KeepDead()
			inDisplaced := ".txcommit/displaced/" + txid
			if want := append([]string{inDisplaced}, tt.told...); err != nil || !slices.Equal(got, want) {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
			if kept := s.read(inDisplaced + "/from" + name + "/1.new"); (kept == "kept") != tt.found {
				t.Errorf("displaced/ holds %q", kept)
			}
		})
		if how == "read-only" {
			continue // see TestOuterReadOnlySweep
		}
		t.Run(how+", swept", func(t *testing.T) {
			s := start(t, tt.move)
			if rep, err := s.recover(); err != nil || rep.Swept != 1 {
				t.Errorf("recover: %+v, %v", rep, err)
			}
			if _, err := os.Lstat(s.path("m/x/y/h/" + name)); err == nil {
				t.Error("it is there")
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

// TestOuterEndedUnderOlderJournal has a transaction that has ended, but for its outer folders, and then an older journal that does
// not know it: it is none that was changing files, and what is left of it is swept.
func TestOuterEndedUnderOlderJournal(t *testing.T) {
	s := besiegedSpread(t)
	s.rename(".txcommit/stage/"+txid, ".txcommit/stage/"+txid+EndedSuffix)
	s.env.turn = fmt.Sprintf("%0*d\n%0*d ", numberSize, 1_000_000, numberSize, 1)
	s.must(s.env.stamp(dirty))
	if old, err := s.env.outdated(); err != nil || !old {
		t.Fatalf("outdated: %t, %v", old, err)
	}
	if rep, err := s.recover(); err != nil || rep.Swept != 1 {
		t.Errorf("recover: %+v, %v", rep, err)
	}
	s.checkNoOuter()
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
