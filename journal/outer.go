package journal

import (
	"encoding/binary"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors"
	"github.com/google/uuid"
	"github.com/zeebo/xxh3"
)

// An outer folder is a stage subfolder that is not in the stage folder but in a folder of the tree, since nothing can be
// renamed between the stage folder and the targets there: they are on another mount, file system, subvolume or project. A
// transaction has one in each such place. Its name is part of the format, and so is the note that is made durable in the
// stage folder before the folder itself is made: see OuterNote.
//
//	.txcommit-<id of the transaction>-<n>

const outerPrefix = StateFolder + "-"

// maxOuters bounds n: as many other places can a transaction have.
const maxOuters = 10_000

// OuterName is the name of a transaction's n-th outer folder.
func OuterName(id string, n int) string { return OuterPrefixed(id, strconv.Itoa(n)) }

// OuterPrefixed is OuterName for an n in its spelling, which may be none: see IsOuter.
func OuterPrefixed(id, n string) string { return outerPrefix + id + "-" + n }

// IsOuter says that a name is that of an outer folder, whosever it is. No op may touch it, and no walk counts it.
func IsOuter(name string) bool {
	rest, ok := strings.CutPrefix(name, outerPrefix)
	if !ok {
		return false
	}
	id, n, ok := cutLast(rest, "-")
	if !ok || !isNumber(n) {
		return false
	}
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// isNumber says that a string is the n of an outer folder, in its one spelling.
func isNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < maxOuters && strconv.Itoa(n) == s
}

// Outer returns the folder of the tree that the subfolder is in, "." for the root, and its name there. ok is false for
// one that is in the stage folder.
func (s *Sub) Outer() (host, name string, ok bool) {
	if !strings.Contains(s.Name, "/") && !strings.HasPrefix(s.Name, outerPrefix) {
		return "", "", false
	}
	host, name = path.Split(s.Name)
	if host = strings.TrimSuffix(host, "/"); host == "" {
		host = "."
	}
	return host, name, true
}

// Spread says that the transaction has outer folders.
func (r *Record) Spread() bool {
	return slices.ContainsFunc(r.Subs, func(s Sub) bool {
		_, _, outer := s.Outer()
		return outer
	})
}

// OuterSub is the subfolder of a record that is the outer folder name in host.
func OuterSub(host, name string, i Inode) Sub { return Sub{Name: join(host, name), Inode: i} }

// validSub refuses a subfolder that is neither in the stage folder nor one of the transaction's own outer folders, in a
// folder that the record speaks of.
func (r *Record) validSub(s *Sub) bool {
	host, name, outer := s.Outer()
	if !outer {
		return validName(s.Name)
	}
	n, mine := strings.CutPrefix(name, outerPrefix+r.ID.String()+"-")
	if !mine || !isNumber(n) || !validFolder(host) || r.Keep || r.Process {
		return false
	}
	for i := range r.Parents {
		if r.Parents[i].Path == host {
			return true
		}
	}
	return false
}

// OuterNote is what a stage folder says about an outer folder: where it is, and how to tell whether what is there now is
// what was there then. Paths are relative to the root and without links.
type OuterNote struct {
	_ struct{} `cbor:",toarray"`
	// Host is the folder that it is in.
	Host      string
	HostInode Inode
	// Top is where the other mount, file system, subvolume or project begins.
	Top      string
	TopInode Inode
}

// Encode returns the note as it is kept in a file: its CBOR, and the xxh3 of that (8 bytes, big endian).
func (n *OuterNote) Encode() ([]byte, error) {
	b, err := canonical.Marshal(n)
	if err != nil {
		return nil, errors.Wrap(err, "encode note")
	}
	return binary.BigEndian.AppendUint64(b, xxh3.Hash(b)), nil
}

// DecodeOuterNote is the inverse of Encode. A note that was cut off, or leads anywhere but to folders of the tree, is an
// error: what it would speak of was never made.
func DecodeOuterNote(b []byte) (*OuterNote, error) {
	at := len(b) - 8
	if at < 0 || xxh3.Hash(b[:at]) != binary.BigEndian.Uint64(b[at:]) {
		return nil, errors.New("the checksum of a note is wrong")
	}
	n := &OuterNote{}
	if err := strict.Unmarshal(b[:at], n); err != nil {
		return nil, errors.Wrap(err, "decode note")
	}
	if !validFolder(n.Host) || !validFolder(n.Top) || n.HostInode.Ino == 0 || n.TopInode.Ino == 0 {
		return nil, errors.Newf("a note leads to %q", n.Host)
	}
	return n, nil
}
