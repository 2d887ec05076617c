package recovery

import (
	"io"
	"strconv"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
)

const viewName = ".txcommit/view.lock"

const (
	clean = "clean"
	dirty = "dirty"
)

// stamp says in the view lock's file whether steps of a transaction are being done. It is not synced: a reader believes
// a stamp only of this boot and this mount, and of those the page cache tells. After a dirty one comes the serial of the
// journal: see outdated.
func (e *Env) stamp(state, more string) error {
	line, err := stampLine(e.State, state)
	if err != nil {
		return err
	}
	if _, err = e.View.WriteAt([]byte(line+more), 0); err != nil {
		err = bareErrno(err)
	}
	return err
}

// Clean says whether the tree shows no half of a transaction, as far as the stamp tells. A stamp that is unknown,
// unreadable, or of another boot or mount counts as dirty. state is the state folder, view its view lock.
func Clean(state *fsys.Dir, view io.ReaderAt) bool {
	return stamped(state, view, clean)
}

// stamped says whether the stamp is the given one, of this boot and mount.
func stamped(state *fsys.Dir, view io.ReaderAt, s string) bool {
	want, err := stampLine(state, s)
	if err != nil || fsys.BootID() == "" {
		return false
	}
	b := make([]byte, len(want))
	if _, err := view.ReadAt(b, 0); err != nil && err != io.EOF {
		return false
	}
	return string(b) == want
}

// MarkClean stamps a store in which nothing is unfinished. The caller holds the store's lock.
func (e *Env) MarkClean() error {
	if Clean(e.State, e.View) {
		return nil
	}
	return e.stamp(clean, "")
}

// stampLine has a fixed length on one boot, so that one write replaces one stamp.
func stampLine(state *fsys.Dir, s string) (string, error) {
	boot := BootMount{}
	if err := boot.read(state); err != nil {
		return "", err
	}
	return strings.Join([]string{s, boot.Boot, strconv.FormatUint(boot.Mount, 10)}, " ") + "\n", nil
}

// BootMount names a boot of the system and a mount in it: the life of a page cache.
type BootMount struct {
	Boot  string
	Mount uint64
}

func (b *BootMount) read(d *fsys.Dir) error {
	i, err := d.Self()
	b.Boot, b.Mount = fsys.BootID(), i.Mount
	return err
}

// ThisBoot returns the boot and the mount of a folder.
func ThisBoot(d *fsys.Dir) (b BootMount, err error) {
	err = b.read(d)
	return b, err
}
