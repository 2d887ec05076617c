package journal

import (
	"encoding/binary"

	"github.com/cockroachdb/errors"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
	bolt "go.etcd.io/bbolt"
)

// The layout of a remembered idempotency key is part of the format:
//
//	bucket "keys"    key: the idempotency key    value: CBOR of Remembered, xxh3 of key and CBOR (8, BE)
//	bucket "order"   key: Seq (8, BE)            value: the idempotency key
//
// Seq counts up from 1. The one to be forgotten first has the lowest.

// RememberedKeys is how many idempotency keys are remembered.
const RememberedKeys = 10_000

// Remembered is what is known of a committed idempotency key.
type Remembered struct {
	_   struct{} `cbor:",toarray"`
	ID  uuid.UUID
	Ops []byte // digest of the ops
	Seq uint64
}

func (m Remembered) encode(key string) ([]byte, error) {
	b, err := cbor.Marshal(m)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint64(b, sumOfKey([]byte(key), b)), nil
}

func sumOfKey(key, value []byte) uint64 {
	h := xxh3.New()
	_, _ = h.Write(key) // a hash does not fail
	_, _ = h.Write(value)
	return h.Sum64()
}

// recall returns what is remembered of a key, and whether it is.
func recall(keys *bolt.Bucket, key []byte) (m Remembered, ok bool, err error) {
	v := keys.Get(key)
	if v == nil {
		return m, false, nil
	}
	at := len(v) - 8
	if at < 0 || sumOfKey(key, v[:at]) != binary.BigEndian.Uint64(v[at:]) {
		return m, false, damaged("the checksum of key %q is wrong", key)
	}
	if err := strict.Unmarshal(v[:at], &m); err != nil {
		return m, false, damaged("key %q: %v", key, err)
	}
	return m, true, nil
}

// Lookup returns what is remembered of a key, and whether it is.
func (j *DB) Lookup(key string) (m Remembered, ok bool, err error) {
	err = j.view(func(tx *bolt.Tx) (err error) {
		m, ok, err = recall(tx.Bucket(bucketKeys), []byte(key))
		return err
	})
	return m, ok, err
}

func remember(tx *bolt.Tx, r *Record) error {
	keys, order := tx.Bucket(bucketKeys), tx.Bucket(bucketOrder)
	if m, ok, err := recall(keys, []byte(r.Key)); err != nil {
		return err
	} else if ok {
		return errors.AssertionFailedf("journal: key %q was given to %s before", r.Key, m.ID)
	}
	seq, err := nextSeq(keys, order)
	if err != nil {
		return err
	}
	v, err := Remembered{ID: r.ID, Ops: r.Ops, Seq: seq}.encode(r.Key)
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

// nextSeq returns the number after the last one. bbolt would count too, but in a field that nothing protects: one bit
// of it, and all keys would be forgotten as too old.
func nextSeq(keys, order *bolt.Bucket) (uint64, error) {
	k, key := order.Cursor().Last()
	if k == nil {
		return 1, nil
	}
	m, _, err := recall(keys, key)
	if err == nil && (len(k) != 8 || binary.BigEndian.Uint64(k) != m.Seq) {
		err = damaged("key %q is not the last one", key)
	}
	return m.Seq + 1, err
}

func forgetOldest(keys, order *bolt.Bucket, seq uint64) error {
	if seq <= RememberedKeys {
		return nil
	}
	limit := seq - RememberedKeys
	c := order.Cursor()
	for k, key := c.First(); len(k) == 8 && binary.BigEndian.Uint64(k) <= limit; k, key = c.First() {
		m, ok, err := recall(keys, key)
		if err != nil {
			return err
		}
		if ok && m.Seq == binary.BigEndian.Uint64(k) {
			if err := keys.Delete(key); err != nil {
				return err
			}
		}
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

// forget lets go of a key, if it was given to the transaction id.
func forget(tx *bolt.Tx, key string, id uuid.UUID) error {
	keys, order := tx.Bucket(bucketKeys), tx.Bucket(bucketOrder)
	m, ok, err := recall(keys, []byte(key))
	if err != nil || !ok || m.ID != id {
		return err
	}
	if err := keys.Delete([]byte(key)); err != nil {
		return err
	}
	return order.Delete(binary.BigEndian.AppendUint64(nil, m.Seq))
}
