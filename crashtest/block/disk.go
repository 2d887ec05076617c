//go:build linux

package block

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// Kind is what an entry of the log is.
type Kind byte

// The kinds of entries.
const (
	Write Kind = iota
	Flush
	Mark
)

// An Entry is one thing that happened to a disk. Entries are in the order of their completion.
type Entry struct {
	Kind Kind
	Off  int64
	Data []byte // of a write; of a mark, its text
	// Begin and End are moments, on a clock that every arrival and every completion moves on.
	Begin, End int
}

// A Disk is a block device in memory that logs what happens to it.
type Disk struct {
	fuse.RawFileSystem
	server *fuse.Server
	dir    string

	mu    sync.Mutex
	image []byte
	log   []Entry
	clock int
	fault Fault
	// requests counts writes and flushes since Start; failed those that returned an error.
	requests, failed int
}

// A Fault makes writes and flushes fail with EIO.
type Fault struct {
	At      int  // the number of the first one to fail, from 1; 0: none
	Forever bool // all later ones, too
}

func (f Fault) hits(n int) bool { return f.At > 0 && (n == f.At || f.Forever && n > f.At) }

const (
	rootNode  = 1
	imageNode = 2
	imageName = "disk"
)

// NewDisk serves image as a file of a FUSE mount at dir, which it makes. The disk owns image from now on.
func NewDisk(dir string, image []byte) (*Disk, error) {
	d := &Disk{RawFileSystem: fuse.NewDefaultRawFileSystem(), dir: dir, image: image}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	server, err := sandbox.NewServer(d, dir, &fuse.MountOptions{
		FsName: "disk", Name: "txcommit-disk", MaxWrite: 1 << 20, DisableXAttrs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("mount a FUSE file system: %w", err)
	}
	d.server = server
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("mount a FUSE file system: %w", err)
	}
	return d, nil
}

// Path is the file to put a loop device over.
func (d *Disk) Path() string { return filepath.Join(d.dir, imageName) }

// Start forgets the log and returns the content of the disk, which must be quiet: what was written so far counts as
// being on the medium.
func (d *Disk) Start(f Fault) (image []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log, d.requests, d.failed, d.fault = nil, 0, 0, f
	return slices.Clone(d.image)
}

// Stop ends the log and any fault, and returns the log and the numbers of all requests and of those that have failed.
func (d *Disk) Stop() (log []Entry, requests, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	log, d.log, d.fault = d.log, nil, Fault{}
	return log, d.requests, d.failed
}

// Image returns the content of the disk.
func (d *Disk) Image() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.image)
}

// Mark puts a note into the log: everything that is logged later happens later.
func (d *Disk) Mark(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock++
	d.log = append(d.log, Entry{Kind: Mark, Data: []byte(text), Begin: d.clock, End: d.clock})
}

// Len is the length of the log so far.
func (d *Disk) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// Close ends the server. Nothing may be mounted on the disk any more.
func (d *Disk) Close() error {
	end := time.Now().Add(10 * time.Second)
	for {
		err := d.server.Unmount()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// arrive notes the arrival of a request.
func (d *Disk) arrive() (begin int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock++
	return d.clock
}

// complete logs a request that is complete, unless it has to fail.
func (d *Disk) complete(e Entry) fuse.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	if d.fault.hits(d.requests) {
		d.failed++
		return fuse.EIO
	}
	d.clock++
	e.End = d.clock
	copy(d.image[e.Off:], e.Data)
	d.log = append(d.log, e)
	return fuse.OK
}

// Write implements fuse.RawFileSystem.
func (d *Disk) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	begin := d.arrive()
	if in.Offset+uint64(len(data)) > uint64(len(d.image)) {
		return 0, fuse.Status(syscall.ENOSPC)
	}
	status := d.complete(Entry{Kind: Write, Off: int64(in.Offset), Data: slices.Clone(data), Begin: begin})
	return uint32(len(data)), status
}

// Fsync implements fuse.RawFileSystem: a flush of the device.
func (d *Disk) Fsync(_ <-chan struct{}, _ *fuse.FsyncIn) fuse.Status {
	return d.complete(Entry{Kind: Flush, Begin: d.arrive()})
}

// Fallocate implements fuse.RawFileSystem: a discard or a write of zeros.
func (d *Disk) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	const punch, zero = 0x02, 0x10 // FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE
	begin := d.arrive()
	if in.Mode&(punch|zero) == 0 || in.Offset+in.Length > uint64(len(d.image)) {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	return d.complete(Entry{Kind: Write, Off: int64(in.Offset), Data: make([]byte, in.Length), Begin: begin})
}

// Read implements fuse.RawFileSystem.
func (d *Disk) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.NodeId != imageNode || in.Offset >= uint64(len(d.image)) {
		return fuse.ReadResultData(nil), fuse.OK
	}
	return fuse.ReadResultData(buf[:copy(buf, d.image[in.Offset:])]), fuse.OK
}
