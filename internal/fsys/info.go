package fsys

import (
	"errors"
	"io/fs"
)

// ErrUnsupported says that this platform or file system lacks a call that is needed.
var ErrUnsupported error = unsupported{}

type unsupported struct{}

func (unsupported) Error() string { return "not supported here" }
func (unsupported) Unwrap() error { return errors.ErrUnsupported }

// Kind is the kind of a directory entry. The zero value means that there is none.
type Kind uint8

// The kinds of directory entries.
const (
	Absent Kind = iota
	File
	Folder
	Link
	Special // FIFO, socket, device
)

// String returns the kind in words.
func (k Kind) String() string {
	return [...]string{"missing", "a file", "a directory", "a symbolic link", "a special file"}[k]
}

// ID tells an inode from every other one of its file system, also from a later one that got the same number:
// ext4 hands a freed number out again at once, so the birth time belongs to it.
type ID struct {
	Ino  uint64 `cbor:"1,keyasint"`
	Born int64  `cbor:"2,keyasint,omitempty"` // nanoseconds since 1970; 0 where the file system keeps no birth time
}

// IsZero says that the ID names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Info describes what is at a name. The zero value: nothing is there.
type Info struct {
	ID        ID
	Kind      Kind
	Immutable bool   // immutable or append-only: cannot be renamed or replaced
	MountRoot bool   // something is mounted here
	Encrypted bool   // by the file system, with a key of the folder's own (fscrypt)
	Mode      uint32 // permission bits, setuid, setgid and sticky in the Unix octal layout
	UID, GID  uint32
	Nlink     uint32
	Size      int64
	Mtime     int64  // nanoseconds since 1970
	Ctime     int64  // nanoseconds since 1970
	Dev       uint64 // not stable across mounts: never stored
	Mount     uint64 // the mount it is reached by; 0 where unknown
}

// Exists says that something is there.
func (i Info) Exists() bool { return i.Kind != Absent }

// SameFS says that a rename from one to the other can work as far as the mount and the device tell. A btrfs subvolume
// shares the mount id, a bind mount shares the device: both must be equal.
func (i Info) SameFS(o Info) bool { return i.Dev == o.Dev && i.Mount == o.Mount }

// FileMode returns the mode as package io/fs has it.
func (i Info) FileMode() fs.FileMode {
	m := Perm(i.Mode)
	switch i.Kind {
	case Folder:
		m |= fs.ModeDir
	case Link:
		m |= fs.ModeSymlink
	case Special:
		m |= fs.ModeIrregular
	case Absent, File:
	}
	return m
}

// Perm turns octal Unix bits into permission bits of package io/fs.
func Perm(bits uint32) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	for _, b := range specialBits {
		if bits&b.unix != 0 {
			m |= b.mode
		}
	}
	return m
}

// Bits turns a mode of package io/fs into octal Unix bits.
func Bits(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, b := range specialBits {
		if m&b.mode != 0 {
			bits |= b.unix
		}
	}
	return bits
}

var specialBits = [...]struct {
	unix uint32
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// Volume describes a file system as far as the barriers care.
type Volume struct {
	// Name of its type, "ext4" say; a number in hex if it is not known here.
	Name string
	// SyncFS says that one syncfs makes all of it durable. On overlayfs and FUSE it lies.
	SyncFS bool
	// FsyncEach says that parallel fsyncs are a fair substitute for one syncfs. On btrfs they cost four times as much.
	FsyncEach bool
	// Unsafe is the reason why the guarantee does not hold here, or empty.
	Unsafe string
	// Unusable is the reason why nothing works here, whatever the user accepts, or empty.
	Unusable string
}

// Space is what is free on a file system for this user.
type Space struct {
	Bytes   uint64
	Inodes  uint64
	Counted bool // Inodes means something: the file system has a fixed number of them
}

// Heritage is what a folder hands down to what is made in it.
type Heritage struct {
	// GID is the group that new entries get; valid if Group.
	GID   uint32
	Group bool
	// SetGID says that new folders get the setgid bit.
	SetGID bool
	// DefaultACL is the folder's default ACL, or nil.
	DefaultACL []byte
	// Project is the XFS or ext4 project id that new entries get; 0 if none.
	Project uint32
	// Folds says that the folder takes names for one that differ in case only (chattr +F).
	Folds bool
}
