package journal

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"sync"
)

// verify looks at the structure of a journal before bbolt does. bbolt believes its pages: a cycle among them overflows
// the stack and an absurd count exhausts the memory, which no recover catches, and a page whose count says 0 hides a
// record, so that its stage folder would be swept as nobody's. So, in the journal's newest state:
//
//   - both meta pages are valid and of two transactions in a row;
//   - every page belongs to exactly one owner: a bucket, the free list, or the free list's own pages;
//   - every page says what it is, its elements lie back to back and inside it, and no page of a tree is empty;
//   - keys ascend within a page and from page to page.
//
// Every bit of structure follows from this or is checked by it. What the values hold is up to their checksums. A
// damaged key of a record is noticed by Records. A damaged idempotency key is not: it is forgotten.
//
// # One damaged meta page
//
// bbolt would take the other one, which is the commit before. That is right after a torn write, and wrong when the newer
// one was damaged later: the last put would be lost, with steps of its record in the tree and what it replaced in a
// stage folder that looks like nobody's and is swept; or a record would come back and be redone over what a user has
// done since its acknowledgement. What remains does not tell which of the two was damaged. So both must be valid. A
// crash cannot damage one: its 64 bytes lie in one sector of a file whose pages are real before it gets its name, and
// sectors are written whole or not at all (assumption A6 of docs/design.md). Where a device does tear a sector, the
// answer is ErrJournal and not half a tree.
//
// The layout is that of bbolt's internal/common (page.go, meta.go, bucket.go, inode.go), in the machine's byte order.
func verify(f *os.File) error {
	v := verifier{f: f}
	defer func() { heads.Put(&v.head) }()
	m, err := v.metas()
	if err != nil {
		return err
	}
	if err := v.start(m); err != nil {
		return err
	}
	if err := v.tree(m.root, &walk{top: true}); err != nil {
		return err
	}
	if err := v.freelist(m.freelist); err != nil {
		return err
	}
	if id := bytes.IndexByte(v.owned[2:], 0); id >= 0 {
		return damaged("page %d is neither used nor free", id+2)
	}
	return nil
}

const (
	pageHeader  = 16 // id (8), flags (2), count (2), overflow (4)
	elementSize = 16 // branch: position (4), key size (4), page (8); leaf: flags, position, key size, value size (4 each)
	bucketSize  = 16 // root page, 0 if inline (8), sequence (8)
	metaSize    = 80 // the page's header included
	freeBig     = 0xFFFF
	maxDepth    = 32
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	// readAhead is how much of the file is read at once. Most journals are smaller.
	readAhead = 4 << 20
)

const (
	branchPage = 1 << iota
	leafPage
	metaPage
	_
	freePage
)

var native = binary.NativeEndian

type meta struct{ pageSize, root, freelist, pages, txid uint64 }

// heads are buffers for the beginning of a file, which would be garbage after each opening.
var heads = sync.Pool{New: func() any { return new([]byte) }}

type verifier struct {
	f     *os.File
	size  uint64 // of a page
	pages uint64 // how many are in use
	head  []byte // the beginning of the file
	owned []byte // 1 for each page that has an owner
}

// metas reads both meta pages and returns the newer one.
func (v *verifier) metas() (meta, error) {
	a, err := v.meta(0)
	if err != nil {
		return a, err
	}
	v.size = a.pageSize
	b, err := v.meta(1)
	switch {
	case err != nil:
		return b, err
	case a.pageSize != b.pageSize || a.txid%2 != 0 || a.txid-b.txid != 1 && b.txid-a.txid != 1:
		return a, damaged("its two meta pages contradict each other")
	case b.txid > a.txid:
		return b, nil
	}
	return a, nil
}

func (v *verifier) meta(page uint64) (m meta, err error) {
	var b [metaSize]byte
	if _, err := v.f.ReadAt(b[:], int64(page*v.size)); err != nil {
		return m, cannotRead(err)
	}
	h := fnv.New64a()
	_, _ = h.Write(b[pageHeader:72])
	if native.Uint32(b[16:]) != metaMagic || h.Sum64() != native.Uint64(b[72:]) {
		return m, damaged("meta page %d is damaged", page)
	}
	if n := native.Uint32(b[20:]); n != metaVersion {
		return m, damaged("it is of bbolt's format %d, this txcommit reads format %d", n, metaVersion)
	}
	m = meta{
		pageSize: uint64(native.Uint32(b[24:])),
		root:     native.Uint64(b[32:]),
		freelist: native.Uint64(b[48:]),
		pages:    native.Uint64(b[56:]),
		txid:     native.Uint64(b[64:]),
	}
	if m.pageSize < 1<<10 || m.pageSize > 1<<24 || m.pageSize&(m.pageSize-1) != 0 {
		return m, damaged("its pages are said to be of %d bytes", m.pageSize)
	}
	return m, nil
}

func cannotRead(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damaged("it is cut short")
	}
	return Unreadable(err)
}

// start bounds everything that follows by the size of the file.
func (v *verifier) start(m meta) error {
	i, err := v.f.Stat()
	if err != nil {
		return err
	}
	if m.pages > uint64(i.Size())/v.size || m.pages < 4 {
		return damaged("it is of %d bytes, and said to have %d pages of %d", i.Size(), m.pages, v.size)
	}
	v.pages, v.owned = m.pages, make([]byte, m.pages)
	size := int(min(m.pages*v.size, readAhead))
	v.head = slices.Grow((*heads.Get().(*[]byte))[:0], size)[:size]
	if _, err := v.f.ReadAt(v.head, 0); err != nil {
		return cannotRead(err)
	}
	return nil
}

// own notes that n pages from id on have an owner. The meta pages and what lies beyond the end have none.
func (v *verifier) own(id, n uint64) error {
	if id < 2 || id >= v.pages || n > v.pages-id {
		return damaged("page %d is not one of its %d pages", id, v.pages)
	}
	for i := id; i < id+n; i++ {
		if v.owned[i] != 0 {
			return damaged("page %d is used twice", i)
		}
		v.owned[i] = 1
	}
	return nil
}

// page takes a page into possession, with those that it overflows to.
func (v *verifier) page(id uint64) ([]byte, error) {
	if err := v.own(id, 1); err != nil {
		return nil, err
	}
	b, err := v.read(id, 1)
	if err != nil {
		return nil, err
	}
	if native.Uint64(b) != id {
		return nil, damaged("page %d says that it is page %d", id, native.Uint64(b))
	}
	more := uint64(native.Uint32(b[12:]))
	if more == 0 {
		return b, nil
	}
	if err := v.own(id+1, more); err != nil {
		return nil, err
	}
	return v.read(id, 1+more)
}

func (v *verifier) read(id, n uint64) ([]byte, error) {
	if to := (id + n) * v.size; to <= uint64(len(v.head)) {
		return v.head[id*v.size : to], nil
	}
	b := make([]byte, n*v.size)
	_, err := v.f.ReadAt(b, int64(id*v.size))
	if err != nil {
		return nil, cannotRead(err)
	}
	return b, nil
}

// freelist takes the pages of the free list, and those that it says are free.
func (v *verifier) freelist(id uint64) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	if flags := native.Uint16(b[8:]); flags != freePage {
		return damaged("page %d is not a free list", id)
	}
	n := uint64(native.Uint16(b[10:]))
	b = b[pageHeader:]
	if n == freeBig {
		n, b = native.Uint64(b), b[8:]
	}
	if n > uint64(len(b))/8 {
		return damaged("the free list is longer than its page")
	}
	for ; n > 0; n, b = n-1, b[8:] {
		if err := v.own(native.Uint64(b), 1); err != nil {
			return err
		}
	}
	return nil
}
