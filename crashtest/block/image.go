//go:build linux

package block

import (
	"bytes"
	"hash/maphash"
	"os"
)

const (
	sector = 512
	page   = 4096
)

// An image is the content of a medium at the start of a recording.
type image struct {
	data    []byte
	extents []extent // that are not all zeros
}

type extent struct{ from, to int64 }

func newImage(data []byte) *image {
	im := &image{data: data}
	zeros := make([]byte, page)
	size := int64(len(data))
	for at := int64(0); at < size; at += page {
		end := min(at+page, size)
		if bytes.Equal(data[at:end], zeros[:end-at]) {
			continue
		}
		if n := len(im.extents); n > 0 && im.extents[n-1].to == at {
			im.extents[n-1].to = end
		} else {
			im.extents = append(im.extents, extent{at, end})
		}
	}
	return im
}

// write writes the image to f, whose old content goes. Zeros are holes.
func (im *image) write(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(im.data))); err != nil {
		return err
	}
	for _, x := range im.extents {
		if _, err := f.WriteAt(im.data[x.from:x.to], x.from); err != nil {
			return err
		}
	}
	return nil
}

// A digest computes what makes two contents of a medium the same, without making them: a sum over all sectors that
// differ from the image at the start, in which a write takes out the hashes of what it overwrites. It is not safe for
// use by several goroutines.
type digest struct {
	im      *image
	seed    maphash.Seed
	entries map[int][]uint64 // hashes of the sectors of a write
	start   map[int64]uint64 // hashes of the sectors at the start
	now     map[int64]uint64 // hashes of the sectors that were written in the present state
}

func newDigest(im *image) *digest {
	return &digest{
		im: im, seed: maphash.MakeSeed(), entries: map[int][]uint64{}, start: map[int64]uint64{}, now: map[int64]uint64{},
	}
}

func (d *digest) hash(at int64, b []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	_, _ = h.Write(b)
	maphash.WriteComparable(&h, at)
	return h.Sum64()
}

// of returns the digest of a state of the log.
func (d *digest) of(log []Entry, s *State) uint64 {
	clear(d.now)
	s.each(log, func(i int, e *Entry, kept func(n int) bool) {
		hashes := d.sectors(i, e)
		for n, h := range hashes {
			if kept == nil || kept(n) {
				d.now[e.Off/sector+int64(n)] = h
			}
		}
	})
	var sum uint64
	for at, h := range d.now {
		sum += h - d.atStart(at)
	}
	return sum
}

func (d *digest) sectors(i int, e *Entry) []uint64 {
	hashes, ok := d.entries[i]
	if !ok {
		for n := 0; n < len(e.Data); n += sector {
			hashes = append(hashes, d.hash((e.Off+int64(n))/sector, e.Data[n:min(n+sector, len(e.Data))]))
		}
		d.entries[i] = hashes
	}
	return hashes
}

func (d *digest) atStart(at int64) uint64 {
	h, ok := d.start[at]
	if !ok {
		h = d.hash(at, d.im.data[at*sector:(at+1)*sector])
		d.start[at] = h
	}
	return h
}
