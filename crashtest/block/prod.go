//go:build linux

package block

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/supervise"
)

// prodder is the other process that makes a file system write earlier than it would by itself.
type prodder struct {
	mode  Mode
	btrfs bool
	root  *os.File
	file  *os.File
	rng   *rand.Rand
	seen  int    // syncfs of the program itself
	step  func() // called before each rename into or out of the tree
}

// Mode says what happens beside the workload.
type Mode string

// The modes, see the package's documentation.
const (
	Lazy    Mode = "lazy"
	Eager   Mode = "eager"
	Prodded Mode = "prodded"
)

func (p *prodder) open(fs sandbox.FS, mode Mode, mnt string, seed uint64) (err error) {
	p.mode, p.btrfs = mode, fs.Type == "btrfs"
	p.rng = rand.New(rand.NewPCG(seed, 1))
	if p.root, err = os.Open(mnt); err != nil {
		return err
	}
	p.file, err = os.Create(filepath.Join(mnt, "unrelated"))
	return err
}

func (p *prodder) close() error {
	_ = p.file.Close()
	return p.root.Close()
}

func (p *prodder) syncfs() error { return unix.Syncfs(int(p.root.Fd())) }

// ofStep says whether a call is a rename into or out of the tree. All others are between the folders of the state folder
// itself, or try out in a stage folder what the file system can do.
func ofStep(c supervise.Call) bool {
	return strings.HasPrefix(c.Name, "rename") && !strings.Contains(c.Path, "probe-") &&
		!slices.Contains([]string{".txcommit", "stage", "trash", "history", "displaced"}, filepath.Base(c.FD))
}

// fault does what the mode says between any two calls of a process, and lets the kernel refuse its refuse-th rename
// into or out of the tree (0: none).
func (p *prodder) fault(refuse int) supervise.Fault {
	return supervise.Fault{
		At: refuse, Errno: unix.EPERM,
		Match: func(c supervise.Call) bool {
			p.between()
			if c.Name == "syncfs" {
				p.seen++
			}
			if !ofStep(c) {
				return false
			}
			p.step()
			return true
		},
	}
}

// between runs between two calls.
func (p *prodder) between() {
	switch p.mode {
	case Eager:
		_ = p.syncfs() // its errors are those of the file system, which the workload will see
	case Prodded:
		p.prod()
	case Lazy:
	}
}

// prod commits the journal of the file system in half of the cases: what comes together in the other half is lost
// together. Its errors are those of the file system, which the workload will see.
func (p *prodder) prod() {
	if p.rng.IntN(2) == 0 {
		return
	}
	if !p.btrfs {
		_, _ = p.file.WriteAt([]byte{byte(p.rng.Uint32())}, 0)
		_ = p.file.Sync()
		return
	}
	const startSync, waitSync = 0x80089418, 0x40089416 // BTRFS_IOC_START_SYNC, BTRFS_IOC_WAIT_SYNC
	id, err := ioctlUint64(p.root, startSync, 0)
	if err == nil {
		_, _ = ioctlUint64(p.root, waitSync, id)
	}
}

// ioctlUint64 is an ioctl that takes or returns one number.
func ioctlUint64(f *os.File, request uintptr, arg uint64) (uint64, error) {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return 0, errno
	}
	return arg, nil
}
