package journal

import (
	"encoding/binary"

	"github.com/cockroachdb/errors"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
)

// The layout of a record in the bucket "records" is part of the format; a change of it is a new version.
//
//	key: id (16 bytes) 00               value: header
//	key: id (16 bytes) 01 n (4, BE)     value: chunk n of the payload, chunkSize bytes but for the last
//
//	header:  "txcr"  version  state  keep 0  chunks   length   sum of      sum of the
//	                                               of the   the         header before
//	                                               payload  payload     this field
//	bytes:      4       1       1     2     4        8         8           8            big endian
//
// The payload is the CBOR of Record, the sums are xxh3. A change of state writes the header alone.
const (
	recordVersion = 1
	headerSize    = 36
	chunkSize     = 60 << 10
	magic         = "txcr"
	// maxPayload bounds what a forged length can make us allocate.
	maxPayload = 8 << 30
)

type header struct {
	state  State
	keep   bool // Record.Keep
	chunks uint32
	length uint64
	sum    uint64
}

func (h header) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	keep := byte(0)
	if h.keep {
		keep = 1
	}
	b = append(b, recordVersion, byte(h.state), keep, 0)
	b = binary.BigEndian.AppendUint32(b, h.chunks)
	b = binary.BigEndian.AppendUint64(b, h.length)
	b = binary.BigEndian.AppendUint64(b, h.sum)
	return binary.BigEndian.AppendUint64(b, xxh3.Hash(b))
}

func decodeHeader(b []byte) (header, error) {
	if len(b) != headerSize || string(b[:4]) != magic {
		return header{}, damaged("a record has no header")
	}
	if xxh3.Hash(b[:28]) != binary.BigEndian.Uint64(b[28:]) {
		return header{}, damaged("the checksum of a record's header is wrong")
	}
	if b[4] != recordVersion {
		return header{}, damaged("a record has version %d, this txcommit reads version %d", b[4], recordVersion)
	}
	if b[6] > 1 || b[7] != 0 {
		return header{}, damaged("a record's header has unknown fields")
	}
	h := header{
		state:  State(b[5]),
		keep:   b[6] == 1,
		chunks: binary.BigEndian.Uint32(b[8:]),
		length: binary.BigEndian.Uint64(b[12:]),
		sum:    binary.BigEndian.Uint64(b[20:]),
	}
	if h.state < Decided || h.state > Kept {
		return header{}, damaged("a record has the unknown state %d", b[5])
	}
	if h.length > maxPayload || uint64(h.chunks) != (h.length+chunkSize-1)/chunkSize {
		return header{}, damaged("a record's length is wrong")
	}
	return h, nil
}

func headerKey(id uuid.UUID) []byte { return append(id[:], 0) }

func chunkKey(id uuid.UUID, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(id[:], 1), n)
}

// encode returns the header and the payload of a record.
func encode(r *Record) (header, []byte, error) {
	if r.Beside != nil {
		head := *r
		head.Subs, head.Parents, head.Steps, head.Made = nil, nil, nil, nil
		r = &head
	}
	payload, err := canonical.Marshal(r)
	if err != nil {
		return header{}, nil, errors.Wrap(err, "encode record")
	}
	return header{
		state:  r.State,
		keep:   r.Keep,
		chunks: uint32((len(payload) + chunkSize - 1) / chunkSize),
		length: uint64(len(payload)),
		sum:    xxh3.Hash(payload),
	}, payload, nil
}

// decode is the inverse of encode. What it returns is valid: see validate.
func decode(id uuid.UUID, h header, payload []byte) (*Record, error) {
	if uint64(len(payload)) != h.length || xxh3.Hash(payload) != h.sum {
		return nil, damaged("the checksum of record %s is wrong", id)
	}
	r := &Record{}
	if err := strict.Unmarshal(payload, r); err != nil {
		return nil, damaged("record %s: %v", id, err)
	}
	if r.Keep != h.keep {
		return nil, damaged("record %s and its header differ", id)
	}
	r.ID, r.State = id, h.state
	if err := validate(r); err != nil {
		return nil, damaged("record %s: %v", id, err)
	}
	return r, nil
}

// canonical writes strings as byte strings: a name in a tree is any bytes, and a CBOR text must be UTF-8.
var canonical = func() cbor.UserBufferEncMode {
	m, err := cbor.EncOptions{String: cbor.StringToByteString}.UserBufferEncMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return m
}()

var strict = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		ByteStringToString: cbor.ByteStringToStringAllowed,
		DupMapKey:          cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors:  cbor.ExtraDecErrorUnknownField,
		IndefLength:        cbor.IndefLengthForbidden,
		TagsMd:             cbor.TagsForbidden,
		MaxArrayElements:   1 << 27,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return m
}()
