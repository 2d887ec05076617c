package journal

import (
	"os"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// DB is an open journal. It is not safe for concurrent use: its user holds the store's lock.
type DB struct {
	db   *bolt.DB
	file *os.File // that of db
	// settled says that all that can be seen is durable.
	settled bool
}

// Records returns all records, in the order of their ids (which is that of their transactions). The first one that is
// damaged makes it ErrJournal.
func (j *DB) Records() ([]*Record, error) {
	var out []*Record
	err := j.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		k, v := c.First()
		for k != nil {
			if len(k) != 17 || k[16] != 0 {
				return damaged("there is a part of a record without its header")
			}
			id := uuid.UUID(k[:16])
			h, err := decodeHeader(v)
			if err != nil {
				return err
			}
			payload := make([]byte, 0, min(h.length, 1<<20))
			for n := range h.chunks {
				k, v = c.Next()
				if string(k) != string(chunkKey(id, n)) {
					return damaged("record %s misses a part", id)
				}
				payload = append(payload, v...)
			}
			r, err := decode(id, h, payload)
			if err != nil {
				return err
			}
			out = append(out, r)
			k, v = c.Next()
		}
		return nil
	})
	return out, err
}

// Put makes the commit point: in one durable change it adds records, which must be decided, remembers their keys and
// ends the records of the transactions in done, which are finished: see Delete.
func (j *DB) Put(done []uuid.UUID, records ...*Record) error {
	headers, payloads := make([]header, len(records)), make([][]byte, len(records))
	for i, r := range records {
		var err error
		if headers[i], payloads[i], err = checked(r); err != nil {
			return err
		}
	}
	return j.update(func(tx *bolt.Tx) error {
		for _, id := range done {
			if err := end(tx, id); err != nil {
				return err
			}
		}
		for i, r := range records {
			if err := add(tx, r, headers[i], payloads[i]); err != nil {
				return err
			}
		}
		_, err := tx.Bucket(bucketRecords).NextSequence()
		return err
	})
}

// Serial is how many puts the journal has seen since Format, also of the one that it is a copy of. An older copy of it has
// seen fewer.
func (j *DB) Serial() (n uint64, err error) {
	err = j.view(func(tx *bolt.Tx) error { n = tx.Bucket(bucketRecords).Sequence(); return nil })
	return n, err
}

// checked encodes a new record. One that cannot be read back would leave the tree half-way for good: better no commit.
func checked(r *Record) (h header, payload []byte, err error) {
	if r.State != Decided {
		return h, nil, errors.AssertionFailedf("journal: a new record is %s", r.State)
	}
	if h, payload, err = encode(r); err != nil {
		return h, nil, err
	}
	if _, err := decode(r.ID, h, payload); err != nil {
		return h, nil, errors.NewAssertionErrorWithWrappedErrf(err, "journal: a new record could not be read back")
	}
	return h, payload, nil
}

func add(tx *bolt.Tx, r *Record, h header, payload []byte) error {
	if r.Key != "" {
		if err := remember(tx, r); err != nil {
			return err
		}
	}
	b := tx.Bucket(bucketRecords)
	for n := range h.chunks {
		at := int(n) * chunkSize
		if err := b.Put(chunkKey(r.ID, n), payload[at:min(at+chunkSize, len(payload))]); err != nil {
			return err
		}
	}
	return b.Put(headerKey(r.ID), h.encode())
}

// Settle makes all that can be seen durable: a process that was killed between bbolt's last write and its sync, or whose
// sync has failed, leaves a commit that others see and that a power cut takes back. Nothing may be done because of it
// before, and nothing written: bbolt overwrites the pages that such a commit has freed, and the power cut would find the
// older one in ruins. Only the pages of the head can be in doubt, since bbolt syncs the others before it; they are
// written as they are, which also undoes what a failed sync has done to them, and then synced.
//
// Every change of the journal settles it first. A caller that syncs anyway gives its sync, which must make the journal's
// file durable too, and saves a flush; nil is the journal's own.
func (j *DB) Settle(sync func() error) error {
	if !j.settled {
		head := make([]byte, 2*j.db.Info().PageSize)
		if _, err := j.file.ReadAt(head, 0); err != nil {
			return told(err)
		}
		if _, err := j.file.WriteAt(head, 0); err != nil {
			return told(err)
		}
		if sync == nil {
			sync = func() error { return told(j.file.Sync()) }
		}
	}
	if sync == nil {
		return nil
	}
	err := sync()
	j.settled = j.settled || err == nil
	return err
}

// SetState moves a record on; see State for what is legal.
func (j *DB) SetState(r *Record, to State) error {
	err := j.update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketRecords)
		h, err := decodeHeader(b.Get(headerKey(r.ID)))
		if err != nil {
			return err
		}
		if err := checkTransition(h.state, to); err != nil {
			return err
		}
		h.state = to
		return b.Put(headerKey(r.ID), h.encode())
	})
	if err == nil {
		r.State = to
	}
	return err
}

// Delete ends records in one durable change: it deletes them, but those of transactions that are finished and to be kept
// become Kept. A transaction that did not take effect also loses its idempotency key.
func (j *DB) Delete(records ...*Record) error {
	return j.update(func(tx *bolt.Tx) error {
		for _, r := range records {
			if (r.State == Aborting || r.State == Abandoned) && r.Key != "" {
				if err := forget(tx, r.Key, r.ID); err != nil {
					return err
				}
			}
			if err := forgetUndone(tx, r); err != nil {
				return err
			}
			if err := end(tx, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget lets go of the key of what a finished transaction undoes, whose record stays in the journal.
func (j *DB) Forget(r *Record) error {
	return j.update(func(tx *bolt.Tx) error { return forgetUndone(tx, r) })
}

func forgetUndone(tx *bolt.Tx, r *Record) error {
	if r.State != Decided || r.Undoes == nil || r.Undoes.Key == "" {
		return nil
	}
	return forget(tx, r.Undoes.Key, r.Undoes.ID)
}

// end deletes a record, or makes it Kept.
func end(tx *bolt.Tx, id uuid.UUID) error {
	b := tx.Bucket(bucketRecords)
	v := b.Get(headerKey(id))
	if v == nil {
		return nil
	}
	h, err := decodeHeader(v)
	if err != nil {
		return err
	}
	if h.state != Decided || !h.keep {
		return deleteRecord(tx, id)
	}
	h.state = Kept
	return b.Put(headerKey(id), h.encode())
}

func deleteRecord(tx *bolt.Tx, id uuid.UUID) error {
	c := tx.Bucket(bucketRecords).Cursor()
	for k, _ := c.Seek(id[:]); len(k) >= 16 && uuid.UUID(k[:16]) == id; k, _ = c.Seek(id[:]) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// Size returns the size of the journal's file, and after a change how much of that holds nothing any more.
func (j *DB) Size() (size, free int64, err error) {
	err = j.view(func(tx *bolt.Tx) error { size = tx.Size(); return nil })
	st := j.db.Stats()
	return size, int64(st.FreePageN+st.PendingPageN) * int64(j.db.Info().PageSize), err
}

// CopyTo writes the remembered keys and the history into a journal that Format has just made, in one change. There must
// be no record but those that are kept. It does not make the fresh journal durable: like Format, it leaves that to the
// caller.
func (j *DB) CopyTo(fresh *DB) error {
	fresh.syncNothing()
	return j.view(func(from *bolt.Tx) error {
		if err := allKept(from.Bucket(bucketRecords)); err != nil {
			return err
		}
		return fresh.update(func(to *bolt.Tx) error {
			for _, name := range [][]byte{bucketKeys, bucketOrder, bucketRecords} {
				if err := copyBucket(to.Bucket(name), from.Bucket(name)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func allKept(records *bolt.Bucket) error {
	return records.ForEach(func(k, v []byte) error {
		if len(k) != 17 {
			return nil // a part of the record whose header was before it
		}
		h, err := decodeHeader(v)
		if err == nil && h.state != Kept {
			err = errors.AssertionFailedf("journal: a journal with records that are %s cannot be replaced", h.state)
		}
		return err
	})
}

func copyBucket(to, from *bolt.Bucket) error {
	if k, _ := to.Cursor().First(); k != nil {
		return errors.AssertionFailedf("journal: a journal in use cannot be copied to")
	}
	if err := to.SetSequence(from.Sequence()); err != nil {
		return err
	}
	return from.ForEach(to.Put)
}

// Check runs bbolt's consistency check over the whole file.
func (j *DB) Check() error {
	return j.view(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			return Unreadable(err)
		}
		return nil
	})
}

func (j *DB) view(f func(*bolt.Tx) error) error {
	return guarded(func() error { return j.db.View(f) })
}

func (j *DB) update(f func(*bolt.Tx) error) error {
	if err := j.Settle(nil); err != nil {
		return err
	}
	err := told(guarded(func() error { return j.db.Update(f) }))
	j.settled = err == nil
	return err
}
