package recovery

import (
	"encoding/binary"
	"io"
	"slices"
	"syscall"

	"github.com/zeebo/xxh3"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// Walk is what WalkFolder found.
type Walk struct {
	// Digest is over the path and the inode of each entry, and the size and time of all but folders.
	Digest uint64
	// Files counts files, links and special files.
	Files int
	// Empty says that nothing is below.
	Empty bool
	// Immutable is the path of an entry that can be neither renamed nor deleted, if there is one.
	Immutable string
	// Store is the path of a state folder below, if there is one: somebody's store.
	Store string
}

// WalkFolder looks at all that is below the folder name in d. A mount below it is EBUSY: what is mounted cannot be
// moved away, and must never be walked into for deletion.
func WalkFolder(d *fsys.Dir, name string) (Walk, error) {
	w := walker{hash: xxh3.New(), Walk: Walk{Empty: true}}
	top, err := d.Stat(name)
	if err != nil {
		return w.Walk, err
	}
	if err := w.folder(d, name, "", top); err != nil {
		return w.Walk, err
	}
	w.Digest = w.hash.Sum64()
	return w.Walk, nil
}

// Seal is the digest of a file's size and time: an edit in place breaks it. 32 bits are enough, and shorter in a record.
func Seal(i fsys.Info) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, uint64(i.Size))
	return xxh3.Hash(binary.LittleEndian.AppendUint64(b, uint64(i.Mtime))) & 0xffffffff
}

type walker struct {
	Walk
	hash *xxh3.Hasher
}

func (w *walker) folder(d *fsys.Dir, name, path string, top fsys.Info) error {
	sub, err := d.Sub(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, n := range names {
		i, err := sub.Stat(n)
		if err != nil {
			return err
		}
		if !i.SameFS(top) || i.MountRoot {
			return syscall.EBUSY
		}
		w.Empty = false
		p := path + "/" + n
		w.add(p, i)
		if n == journal.StateFolder && w.Store == "" {
			w.Store = p[1:]
		}
		if i.Immutable && w.Immutable == "" {
			w.Immutable = p[1:]
		}
		if i.Kind != fsys.Folder {
			w.Files++
			continue
		}
		if err := w.folder(sub, n, p, top); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) add(path string, i fsys.Info) {
	b := make([]byte, 0, 64)
	b = binary.LittleEndian.AppendUint64(b, i.ID.Ino)
	b = binary.LittleEndian.AppendUint64(b, uint64(i.ID.Born))
	if i.Kind != fsys.Folder {
		b = binary.LittleEndian.AppendUint64(b, uint64(i.Size))
		b = binary.LittleEndian.AppendUint64(b, uint64(i.Mtime))
	}
	_, _ = io.WriteString(w.hash, path) // a hash does not fail
	_, _ = w.hash.Write(append(b, 0))
}
