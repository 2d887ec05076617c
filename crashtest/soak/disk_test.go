//go:build linux

package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// A disk is full for some turns, and then for more turns it is not.
type disk struct {
	dir string

	mu    sync.Mutex
	rng   *rand.Rand
	turns int // of all actors
	next  int // the turn at which it changes
	full  bool
	fills int
}

// stage says how often the disk was full, and whether it is: an actor that sees the same twice has had space in between
// if it was not full at both ends.
func (d *disk) stage() (fills int, full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fills, d.full
}

// turn is called by an actor after each of its turns. It says whether that has filled the disk.
func (d *disk) turn() (filled bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turns++
	if d.turns < d.next {
		return false, nil
	}
	if d.full {
		d.full, d.next = false, d.turns+30+d.rng.IntN(60)
		return false, d.free()
	}
	d.full, d.next = true, d.turns+5+d.rng.IntN(20)
	d.fills++
	return true, d.fill()
}

// relieve gives the space back before its time.
func (d *disk) relieve() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		d.full, d.next = false, d.turns+30
	}
	return d.free()
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes all space, half of the times but for a random rest.
func (d *disk) fill() error {
	if err := os.Mkdir(d.filler(), 0o700); err != nil {
		return err
	}
	reserve := filepath.Join(d.filler(), "reserve")
	left := d.rng.IntN(2) * d.rng.IntN(64) * 4 * kib
	if err := os.WriteFile(reserve, make([]byte, left), 0o600); err != nil && !isFull(err) {
		return err
	}
	all, err := d.available()
	if err != nil {
		return err
	}
	if err := d.take("0", max(all.bytes-256*kib, 4*kib)); err != nil && !isFull(err) {
		return err
	}
	for _, size := range []int64{64 * kib, 4 * kib} {
		for k := 0; ; k++ {
			if err := d.take(fmt.Sprint(size, "-", k), size); isFull(err) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return os.Remove(reserve)
}

// take makes a file of that size.
func (d *disk) take(name string, size int64) error {
	f, err := os.Create(filepath.Join(d.filler(), name))
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fallocate(int(f.Fd()), 0, 0, size)
}

// free gives the space and the inodes back, and waits until they are there: XFS frees what was deleted when it comes to it.
func (d *disk) free() error {
	was, err := d.available()
	if err != nil {
		return err
	}
	var filler room
	err = filepath.WalkDir(d.filler(), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		i, err := e.Info()
		if err == nil {
			filler.bytes, filler.inodes = filler.bytes+i.Size(), filler.inodes+1
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err = first(err, os.RemoveAll(d.filler())); err != nil {
		return err
	}
	for end := time.Now().Add(limit); ; {
		now, err := d.available()
		if err != nil || now.bytes >= was.bytes+filler.bytes/2 && (was.none || now.inodes >= was.inodes+filler.inodes/2) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%+v is available %v after %+v was deleted, and %+v was before", now, limit, filler, was)
		}
		if err := d.sync(); err != nil {
			return err
		}
	}
}

// room is what a file system has left.
type room struct {
	bytes, inodes int64
	none          bool // it has no table of inodes
}

func (d *disk) available() (room, error) {
	var st unix.Statfs_t
	err := unix.Statfs(d.dir, &st)
	return room{int64(st.Bavail) * st.Bsize, int64(st.Ffree), st.Files == 0}, err
}

func (d *disk) sync() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
