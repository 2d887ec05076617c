//go:build linux

package live

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	// fullSeed is the workload of the tests with a full file system. It has no acts: a foreign program needs space.
	fullSeed = 52
)

func fullWorkload() *workload.Workload {
	return workload.New(fullSeed, workload.Options{Steps: 4, Owners: true, Attrs: true})
}

// full is a way to use a file system up: all of what there is, but for leave.
type full struct {
	name  string
	fs    sandbox.FS
	size  int64
	fill  func(s *stand, leave int) error
	leave []int
	runs  int // how often it is filled in the middle of a commit
}

var (
	bytesLeft  = []int{0, 4 * kib, 16 * kib, 64 * kib, 128 * kib, 256 * kib, 512 * kib, mib}
	inodesLeft = []int{0, 1, 2, 4, 8, 12, 20, 40}
	fulls      = []full{
		{"ext4, space", sandbox.Ext4, 0, (*stand).fillSpace, bytesLeft, 10},
		{"xfs, space", sandbox.XFS, 0, (*stand).fillSpace, bytesLeft, 10},
		{"btrfs, space", sandbox.Btrfs, 32 * mib, (*stand).fillSpace, []int{0, mib, 4 * mib, 8 * mib}, 5},
		{"ext4, inodes", sandbox.Ext4, 0, (*stand).fillInodes, inodesLeft, 10},
		{"xfs, inodes", sandbox.XFS.With("xfs-inodes", "-i", "maxpct=1"), 0, (*stand).fillInodes, inodesLeft, 10},
		// No table of inodes to exhaust: the files use up what the metadata may take.
		{"btrfs, inodes", sandbox.Btrfs, 32 * mib, (*stand).fillMetadata, []int{0}, 5},
	}
)

// TestFull lets workloads run on file systems that are all but full. Each transaction commits, or fails with the tree
// as it was and without litter; with space again it commits.
func TestFull(t *testing.T) {
	for _, tt := range fulls {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			needs(t, tt.fs)
			committed, codes := 0, map[int]int{}
			for _, leave := range tt.leave {
				s := newStand(t, tt.fs, tt.size, false, fullWorkload())
				for s.acked < len(s.work.Steps) {
					if err := tt.fill(s, leave); err != nil {
						t.Fatalf("fill, but for %d: %v", leave, err)
					}
					res, ended := s.step(supervise.Fault{})
					if ended {
						committed++
					} else {
						codes[res.ExitCode]++
						s.failedFull(res, leave)
					}
					if err := s.free(); err != nil {
						t.Fatal(err)
					}
					if !ended {
						s.again(leave)
					}
				}
				s.rest(leave)
			}
			t.Logf("%d transactions ended as predicted, others failed with exit codes %v", committed, codes)
			if codes[1] == 0 || committed == 0 && len(tt.leave) > 1 {
				t.Errorf("%d committed, %d failed: want some of both", committed, codes[1])
			}
		})
	}
}

// TestFullMeanwhile fills a file system while a process is in the middle of a commit, before any of its calls.
func TestFullMeanwhile(t *testing.T) {
	for _, tt := range fulls {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			needs(t, tt.fs)
			calls := countCalls(t, tt.fs, false, fullWorkload())
			rng := rand.New(rand.NewPCG(fullSeed, 1))
			codes := map[int]int{}
			for range tt.runs {
				s := newStand(t, tt.fs, tt.size, false, fullWorkload())
				n := 1 + rng.IntN(calls)
				res, ended := s.until(n, func() error { return tt.fill(s, 0) })
				codes[res.ExitCode]++
				if !ended && res.ExitCode == 1 {
					s.failedFull(res, -n)
				}
				if err := s.free(); err != nil {
					t.Fatal(err)
				}
				if err := s.judge(res, ended); err != nil {
					t.Errorf("full before call %d: %v", n, err)
				}
				s.unmount()
				s.mount()
				s.rest(-n)
			}
			t.Logf("%d runs over %d calls: exit codes %v", tt.runs, calls, codes)
		})
	}
}

// failedFull checks, without a recovery, that a transaction that has failed has left nothing.
func (s *stand) failedFull(res supervise.Result, leave int) {
	s.Helper()
	if res.ExitCode != 1 {
		s.Errorf("full but for %d: step %d: exit code %d, want 1\n%s%s", leave, s.acked+1, res.ExitCode, res.Stdout, res.Stderr)
		return
	}
	seen, err := oracle.Look(workload.Root(s.dir()))
	if err != nil {
		s.Fatal(err)
	}
	if steps, err := s.rules.Check(seen, s.acked); err != nil || steps != s.acked {
		s.Errorf("full but for %d: step %d has failed, but %d steps have taken effect, want %d: %v\n%s%s",
			leave, s.acked+1, steps, s.acked, err, res.Stdout, res.Stderr)
	}
}

// again runs the step again that has failed for want of space.
func (s *stand) again(leave int) {
	s.Helper()
	if res, ended := s.step(supervise.Fault{}); !ended {
		s.Fatalf("full but for %d: with space again, step %d: exit code %d\n%s%s",
			leave, s.acked+1, res.ExitCode, res.Stdout, res.Stderr)
	}
}

// rest recovers, checks and unmounts.
func (s *stand) rest(leave int) {
	s.Helper()
	if _, err := s.rules.Verify(oracle.Process(s.bin), s.dir(), s.acked); err != nil {
		s.Errorf("full but for %d: %v", leave, err)
	}
	s.unmount()
}

func (s *stand) filler() string { return filepath.Join(s.base(), "filler") }

// fillSpace leaves so many bytes of the file system free. The errors of writes without a sync are exact: each of these
// file systems sets space aside for them.
func (s *stand) fillSpace(leave int) error {
	if err := os.Mkdir(s.filler(), 0o700); err != nil {
		return err
	}
	reserve := filepath.Join(s.filler(), "reserve")
	if err := writeFile(reserve, leave); err != nil {
		return err
	}
	if err := s.syncfs(); err != nil { // so that it has blocks to give back
		return err
	}
	for n, size := range []int{16 * mib, mib, 64 * kib, 4 * kib} {
		for k := 0; ; k++ {
			if err := writeFile(filepath.Join(s.filler(), fmt.Sprint(n, "-", k)), size); isFull(err) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	if err := os.Remove(reserve); err != nil {
		return err
	}
	return s.syncfs()
}

func writeFile(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(make([]byte, size))
	return err
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// fillInodes leaves so many inodes free.
func (s *stand) fillInodes(leave int) error {
	if err := os.MkdirAll(s.filler(), 0o700); err != nil {
		return err
	}
	name := func(n int) string { return filepath.Join(s.filler(), fmt.Sprint("inode", n)) }
	n := 0
	for ; ; n++ {
		f, err := os.Create(name(n))
		if isFull(err) {
			break
		}
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	for ; leave > 0 && n > 0; leave-- {
		n--
		if err := os.Remove(name(n)); err != nil {
			return err
		}
	}
	return s.syncfs()
}

// fillMetadata uses up almost all space, and the rest with files that have nothing but inodes.
func (s *stand) fillMetadata(leave int) error {
	if err := s.fillSpace(4 * mib); err != nil {
		return err
	}
	return s.fillInodes(leave)
}

// free gives everything back.
func (s *stand) free() error {
	if err := os.RemoveAll(s.filler()); err != nil {
		return err
	}
	return s.syncfs()
}
