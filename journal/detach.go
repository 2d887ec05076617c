package journal

import (
	"bytes"

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

// Detach takes the lists of a large record out of what Put will write, and returns them encoded: the caller keeps them in
// a file that is durable before the record is put, and there for as long as the transaction is unfinished. It returns nil
// for a record that is to be put whole. One of level process always is, since its steps are needed when all its files are
// in the tree.
func (r *Record) Detach() ([]byte, error) {
	if r.Process {
		return nil, nil
	}
	var buf bytes.Buffer                        // and not Marshal, which keeps a second one as large for the next time
	buf.Grow(64 * (len(r.Steps) + len(r.Made))) // about
	if err := canonical.MarshalToBuffer(&lists{Subs: r.Subs, Parents: r.Parents, Steps: r.Steps, Made: r.Made}, &buf); err != nil {
		return nil, errors.Wrap(err, "encode record")
	}
	b := buf.Bytes()
	if len(b) <= inlineLimit {
		return nil, nil
	}
	// Lists that cannot be read back would leave the tree half-way for good: better no commit. What was read back takes the
	// place of what there was, which may be large.
	r.Beside = &Beside{Length: uint64(len(b)), Sum: xxh3.Hash(b)}
	r.Subs, r.Parents, r.Steps, r.Made = nil, nil, nil, nil
	if err := r.Attach(b); err != nil {
		return nil, errors.NewAssertionErrorWithWrappedErrf(err, "journal: a new record could not be read back")
	}
	return b, nil
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
