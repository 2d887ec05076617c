package journal

import (
	"encoding/binary"
	"os"
	"time"

	"github.com/cockroachdb/errors"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// PregrownSize is the size of a fresh journal. Its pages are real, so that a full disk cannot keep a transaction from
// being undone.
const PregrownSize = 256 << 10

// FormatVersion is the version of the journal's layout that this package reads and writes.
const FormatVersion = 1

var (
	bucketMeta    = []byte("meta")
	bucketRecords = []byte("records")
	bucketKeys    = []byte("keys")   // idempotency key → remembered
	bucketOrder   = []byte("order")  // sequence number → idempotency key
	keyVersion    = []byte("format") // in meta
)

// OpenFunc opens the journal's file; the name is passed through.
type OpenFunc func(name string, flag int, perm os.FileMode) (*os.File, error)

// Open opens a journal that Format has made. ErrJournal says that it is damaged or newer.
func Open(open OpenFunc, name string) (*DB, error) { return openExisting(open, name, false) }

// OpenReadOnly is Open for those who only look.
func OpenReadOnly(open OpenFunc, name string) (*DB, error) { return openExisting(open, name, true) }

func openExisting(open OpenFunc, name string, readOnly bool) (*DB, error) {
	verified := func(name string, flag int, perm os.FileMode) (*os.File, error) {
		f, err := open(name, flag, perm)
		if err != nil {
			return nil, err
		}
		if err := verify(f); err != nil {
			_ = f.Close()
			return nil, err
		}
		return f, nil
	}
	j, err := openBolt(verified, name, readOnly)
	if err != nil {
		return nil, err
	}
	if err := j.checkFormat(); err != nil {
		_ = j.Close()
		return nil, err
	}
	return j, nil
}

// Format makes an empty journal in a file that is empty. The caller pre-grows it, makes it durable and gives it its name.
func Format(open OpenFunc, name string) error {
	j, err := openBolt(open, name, false)
	if err != nil {
		return err
	}
	j.settled = true // nobody else has seen it
	j.syncNothing()
	err = j.update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta, bucketRecords, bucketKeys, bucketOrder} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keyVersion, binary.BigEndian.AppendUint32(nil, FormatVersion))
	})
	return errors.Join(err, j.Close())
}

// syncNothing leaves it to the caller to make the file durable as a whole. It is for a file that has no name to be found
// by yet.
func (j *DB) syncNothing() { j.db.NoSync, j.db.NoGrowSync = true, true }

func openBolt(open OpenFunc, name string, readOnly bool) (j *DB, err error) {
	var file *os.File
	opts := &bolt.Options{
		Timeout:         time.Second, // only a foreign program can hold it: ours hold the store's lock
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: PregrownSize,
		ReadOnly:        readOnly,
		OpenFile: func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
			file, err = open(name, flag, perm)
			return file, err
		},
	}
	err = guarded(func() error {
		db, err := bolt.Open(name, 0o600, opts)
		if err != nil {
			return classify(err)
		}
		j = &DB{db: db, file: file}
		return nil
	})
	if err != nil && file != nil {
		_ = file.Close() // a panic has left it open, and locked
	}
	return j, err
}

// classify tells a damaged file from a system that refuses.
func classify(err error) error {
	for _, e := range []error{
		bolterrors.ErrInvalid, bolterrors.ErrVersionMismatch, bolterrors.ErrChecksum,
	} {
		if errors.Is(err, e) {
			return Unreadable(err)
		}
	}
	return err
}

func (j *DB) checkFormat() error {
	return j.view(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta, bucketRecords, bucketKeys, bucketOrder} {
			if tx.Bucket(b) == nil {
				return damaged("bucket %q is missing", b)
			}
		}
		v := tx.Bucket(bucketMeta).Get(keyVersion)
		if len(v) != 4 {
			return damaged("it has no format version")
		}
		if n := binary.BigEndian.Uint32(v); n != FormatVersion {
			return damaged("it has format %d, this txcommit reads format %d", n, FormatVersion)
		}
		return nil
	})
}

// Close releases the journal.
func (j *DB) Close() error { return guarded(j.db.Close) }
