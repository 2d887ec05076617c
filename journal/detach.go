package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"iter"
	"slices"

	"github.com/cockroachdb/errors"
	"github.com/zeebo/xxh3"
)

// inlineLimit is up to how many bytes the lists of a record are in the journal itself, where they share a page with the
// rest. Larger ones would grow it: bbolt syncs a file each time that it grows, and it never shrinks.
const inlineLimit = 1 << 10

// lists are the parts of a record that grow with the transaction.
type lists struct {
	_       struct{} `cbor:",toarray"`
	Subs    []Sub
	Parents []Parent
	Steps   []Step
	Made    []Made
}

// Detach takes the lists of a large record out of what Put will write, and writes them to what create makes: the caller
// keeps that in a file that is durable before the record is put, and there for as long as the transaction is unfinished.
// A small record is to be put whole, and create is not called. So is one of level process, since its steps are needed when
// all its files are in the tree.
//
// The record comes without its Made, which are the n that made gives. Only an undo needs them, which reads them from the
// file, so a large record never holds them; a small one does afterwards.
func (r *Record) Detach(n int, made iter.Seq[Made], create func() (io.Writer, error)) error {
	if r.Process {
		return nil
	}
	// Lists that cannot be read back would leave the tree half-way for good: better no commit.
	if err := validate(r); err != nil {
		return errors.NewAssertionErrorWithWrappedErrf(err, "journal: a new record is not valid")
	}
	w := &listWriter{create: create, sum: xxh3.New()}
	err := w.write(arrayHead(4))
	if err == nil {
		err = writeList(w, len(r.Subs), slices.Values(r.Subs))
	}
	if err == nil {
		err = writeList(w, len(r.Parents), slices.Values(r.Parents))
	}
	if err == nil {
		err = writeList(w, len(r.Steps), slices.Values(r.Steps))
	}
	if err == nil {
		err = w.writeMade(r, n, made)
	}
	switch {
	case err != nil:
		return err
	case w.to != nil:
		r.Beside = &Beside{Length: w.length, Sum: w.sum.Sum64()}
	case n > 0:
		r.Made = slices.Collect(made)
	}
	return nil
}

// listWriter writes what canonical would make of lists, but never has more than a part of it in memory.
type listWriter struct {
	create func() (io.Writer, error)
	to     io.Writer // nil up to inlineLimit
	held   []byte    // what is not written yet
	length uint64
	sum    *xxh3.Hasher
	part   bytes.Buffer
}

func (w *listWriter) write(b []byte) (err error) {
	w.length += uint64(len(b))
	_, _ = w.sum.Write(b) // never fails
	w.held = append(w.held, b...)
	if w.to == nil && w.length <= inlineLimit {
		return nil
	}
	if w.to == nil {
		if w.to, err = w.create(); err != nil {
			return err
		}
	}
	_, err = w.to.Write(w.held)
	w.held = w.held[:0]
	return err
}

// listPart is how many entries of a list are encoded at once.
const listPart = 1024

func (w *listWriter) writeMade(r *Record, n int, made iter.Seq[Made]) (err error) {
	werr := writeList(w, n, func(yield func(Made) bool) {
		for m := range made {
			if err = validateMade(r, &m); err != nil || !yield(m) {
				return
			}
		}
	})
	if err != nil {
		return errors.NewAssertionErrorWithWrappedErrf(err, "journal: a new record is not valid")
	}
	return werr
}

// writeList writes a list of n entries.
func writeList[T comparable](w *listWriter, n int, list iter.Seq[T]) error {
	if n == 0 {
		return w.write([]byte{0xf6}) // null
	}
	if err := w.write(arrayHead(n)); err != nil {
		return err
	}
	part := make([]T, 0, min(n, listPart))
	for e := range list {
		part, n = append(part, e), n-1
		if len(part) < listPart && n > 0 {
			continue
		}
		if err := writePart(w, part); err != nil {
			return err
		}
		part = part[:0]
	}
	if n != 0 {
		return errors.AssertionFailedf("journal: a list has %d entries less than its length", n)
	}
	return nil
}

// writePart writes some entries of a list, if they can be read back.
func writePart[T comparable](w *listWriter, part []T) error {
	w.part.Reset()
	if err := canonical.MarshalToBuffer(part, &w.part); err != nil {
		return errors.Wrap(err, "encode record")
	}
	var back []T
	if err := strict.Unmarshal(w.part.Bytes(), &back); err != nil || !slices.Equal(part, back) {
		return errors.AssertionFailedf("journal: a new record could not be read back: %v", err)
	}
	return w.write(w.part.Bytes()[len(arrayHead(len(part))):])
}

// arrayHead is what CBOR begins an array of n entries with (RFC 8949, section 3).
func arrayHead(n int) []byte {
	const array = 4 << 5
	switch {
	case n < 24:
		return []byte{array | byte(n)}
	case n < 1<<8:
		return []byte{array | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{array | 25}, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{array | 26}, uint32(n))
}

// Detached says that the lists of a record that was read are not there yet.
func (r *Record) Detached() bool { return r.Beside != nil && r.Steps == nil }

// Attach gives a record that was read from the journal its lists. It is ErrJournal if they are not those that were
// detached from it.
func (r *Record) Attach(b []byte) error {
	if r.Beside == nil || uint64(len(b)) != r.Beside.Length || xxh3.Hash(b) != r.Beside.Sum {
		return damaged("the checksum of the steps of record %s is wrong", r.ID)
	}
	var l lists
	if err := strict.Unmarshal(b, &l); err != nil {
		return damaged("record %s: %v", r.ID, err)
	}
	r.Subs, r.Parents, r.Steps, r.Made = l.Subs, l.Parents, l.Steps, l.Made
	if err := validate(r); err != nil {
		return damaged("record %s: %v", r.ID, err)
	}
	return nil
}
