package journal

import (
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// RememberedKeys is how many idempotency keys are remembered.
const RememberedKeys = 10_000

// Remembered is what is known of a committed idempotency key.
type Remembered struct {
	_   struct{} `cbor:",toarray"`
	ID  uuid.UUID
	Ops []byte // digest of the ops
	Seq uint64
}

// Lookup returns what is remembered of a key, and whether it is.
func (j *DB) Lookup(key string) (m Remembered, ok bool, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketKeys).Get([]byte(key))
		if v == nil {
			return nil
		}
		if err := cbor.Unmarshal(v, &m); err != nil {
			return damaged("key %q: %v", key, err)
		}
		ok = true
		return nil
	})
	return m, ok, err
}

func remember(tx *bolt.Tx, r *Record) error {
	keys, order := tx.Bucket(bucketKeys), tx.Bucket(bucketOrder)
	seq, err := order.NextSequence()
	if err != nil {
		return err
	}
	v, err := cbor.Marshal(Remembered{ID: r.ID, Ops: r.Ops, Seq: seq})
	if err != nil {
		return err
	}
	if err := keys.Put([]byte(r.Key), v); err != nil {
		return err
	}
	if err := order.Put(binary.BigEndian.AppendUint64(nil, seq), []byte(r.Key)); err != nil {
		return err
	}
	return forgetOldest(keys, order, seq)
}

func forgetOldest(keys, order *bolt.Bucket, seq uint64) error {
	if seq <= RememberedKeys {
		return nil
	}
	limit := seq - RememberedKeys
	c := order.Cursor()
	for k, v := c.First(); k != nil && binary.BigEndian.Uint64(k) <= limit; k, v = c.First() {
		if err := keys.Delete(v); err != nil {
			return err
		}
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func forget(tx *bolt.Tx, r *Record) error {
	keys, order := tx.Bucket(bucketKeys), tx.Bucket(bucketOrder)
	v := keys.Get([]byte(r.Key))
	if v == nil {
		return nil
	}
	var m Remembered
	if err := cbor.Unmarshal(v, &m); err != nil {
		return damaged("key %q: %v", r.Key, err)
	}
	if m.ID != r.ID {
		return nil
	}
	if err := keys.Delete([]byte(r.Key)); err != nil {
		return err
	}
	return order.Delete(binary.BigEndian.AppendUint64(nil, m.Seq))
}
