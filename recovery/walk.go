package recovery

import (
	"encoding/binary"
	"slices"
	"syscall"

	"github.com/zeebo/xxh3"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// Walk is what WalkFolder found.
type Walk struct {
	// Digest is the sum of the EntryDigests of all entries.
	Digest uint64
	// Files counts files, links and special files; Bytes is the size of the files.
	Files int
	Bytes int64
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
	w := walker{Walk: Walk{Empty: true}}
	top, err := d.Stat(name)
	if err != nil {
		return w.Walk, err
	}
	err = w.folder(d, name, "", top)
	return w.Walk, err
}

// EntryDigest is that of one entry below a folder: of its path relative to the folder, its inode, and, where they tell
// something, its size and time.
func EntryDigest(path string, i fsys.Info) uint64 {
	b := make([]byte, 0, 128)
	b = binary.LittleEndian.AppendUint64(b, i.ID.Ino)
	b = binary.LittleEndian.AppendUint64(b, uint64(i.ID.Born))
	if Timed(i.Kind) {
		b = binary.LittleEndian.AppendUint64(b, uint64(i.Size))
		b = binary.LittleEndian.AppendUint64(b, uint64(i.Mtime))
	}
	return xxh3.Hash(append(b, path...))
}

// Seal is the digest of a file's size and time: an edit in place breaks it. 32 bits are enough, and shorter in a record.
func Seal(i fsys.Info) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, uint64(i.Size))
	return xxh3.Hash(binary.LittleEndian.AppendUint64(b, uint64(i.Mtime))) & 0xffffffff
}

// Unbroken says that nothing tells of an edit of i since it was sealed.
func Unbroken(i fsys.Info, seal uint64) bool { return !Timed(i.Kind) || Seal(i) == seal }

type walker struct{ Walk }

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
		if journal.IsOuter(n) {
			continue // of another transaction, which is not ours to count: it comes and goes
		}
		i, err := sub.Stat(n)
		if err != nil {
			return err
		}
		if !i.SameFS(top) || i.MountRoot {
			return syscall.EBUSY
		}
		w.Empty = false
		p := path + n
		w.Digest += EntryDigest(p, i)
		if n == journal.StateFolder && w.Store == "" {
			w.Store = p
		}
		if i.Immutable && w.Immutable == "" {
			w.Immutable = p
		}
		if i.Kind != fsys.Folder {
			w.Files++
			w.Bytes += i.Size
			continue
		}
		if err := w.folder(sub, n, p+"/", top); err != nil {
			return err
		}
	}
	return nil
}
