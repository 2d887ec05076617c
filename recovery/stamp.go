package recovery

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/txcommit/txcommit/internal/fsys"
)

const viewName = ".txcommit/view.lock"

const (
	clean = "clean"
	dirty = "dirty"
)

// The stamp is three lines of fixed length, so that one write replaces another one as a whole, also a part of it:
//
//	clean|dirty, boot, mount    whether steps of a transaction are being done
//	serial                      of the journal, when that was last so or a recovery had ended; see outdated
//	turn, sum                   another number each time that the serial is written, and a checksum of all before it
//
// It is not synced: a reader believes the first line only of this boot and this mount, and of those the page cache tells.

// stampSerial says in the view lock's file how it is with the steps, and which puts the journal has seen.
func (e *Env) stampSerial(state string) error {
	serial, err := e.DB.Serial()
	if err != nil {
		return err
	}
	e.turn = fmt.Sprintf("%0*d\n%0*d ", numberSize, serial, numberSize, rand.Uint64())
	return e.stamp(state)
}

// stamp is stampSerial in the same turn.
func (e *Env) stamp(state string) error {
	boot, err := ThisBoot(e.State)
	if err != nil {
		return err
	}
	text := boot.line(state) + e.turn
	if _, err = e.View.WriteAt([]byte(text+stampSum(text)), 0); err != nil {
		err = bareErrno(err)
	}
	return err
}

func stampSum(text string) string { return fmt.Sprintf("%0*d\n", numberSize, xxh3.HashString(text)) }

// numberSize is that of any uint64.
const numberSize = 20

// stampedSerial returns what a stamp of any boot says of the journal, if it says anything.
func stampedSerial(view io.ReaderAt) (serial uint64, ok bool) {
	b, err := io.ReadAll(io.NewSectionReader(view, 0, 1<<10))
	lines := strings.Split(string(b), "\n")
	if err != nil || len(lines) < 3 || len(lines[1]) != numberSize {
		return 0, false
	}
	serial, err = strconv.ParseUint(lines[1], 10, 64)
	return serial, err == nil
}

// Clean says whether the tree shows no half of a transaction, as far as the stamp tells. A stamp that is unknown,
// unreadable, or of another boot or mount counts as dirty. state is the state folder, view its view lock.
func Clean(state *fsys.Dir, view io.ReaderAt) bool {
	b, err := ThisBoot(state)
	return err == nil && b.clean(view)
}

// clean is Clean in a known boot and mount.
func (b BootMount) clean(view io.ReaderAt) bool {
	want := b.line(clean)
	got := make([]byte, len(want))
	if _, err := view.ReadAt(got, 0); err != nil && err != io.EOF {
		return false
	}
	return b.Once() && string(got) == want
}

// AtRest returns the stamp, if it says that the tree shows no half of a transaction. As long as it stays the same, nobody has
// begun a step, in a commit or in a recovery: that takes another turn. No lock is needed: what is read while the stamp is
// written has a wrong sum.
func AtRest(state *fsys.Dir, view io.ReaderAt) (stamp string, ok bool) {
	b, err := ThisBoot(state)
	if err != nil {
		return "", false
	}
	return b.atRest(view)
}

// atRest is AtRest in a known boot and mount.
func (b BootMount) atRest(view io.ReaderAt) (stamp string, ok bool) {
	text, err := io.ReadAll(io.NewSectionReader(view, 0, 1<<10))
	stamp = string(text)
	line := b.line(clean)
	end := len(line) + 2*(numberSize+1)
	if !b.Once() || err != nil || len(stamp) != end+numberSize+1 || !strings.HasPrefix(stamp, line) || stamp[end:] != stampSum(stamp[:end]) {
		return "", false
	}
	return stamp, true
}

// MarkClean stamps a store in which nothing is unfinished. The caller holds the store's lock.
func (e *Env) MarkClean() error {
	if _, ok := AtRest(e.State, e.View); ok {
		return nil
	}
	return e.stampSerial(clean)
}

// BootMount names a boot of the system and a mount in it: the life of a page cache.
type BootMount struct {
	Boot  string
	Mount uint64
}

// ThisBoot returns the boot and the mount of a folder.
func ThisBoot(d *fsys.Dir) (b BootMount, err error) {
	i, err := d.Self()
	return BootMount{fsys.BootID(), i.Mount}, err
}

// line is the first line of a stamp.
func (b BootMount) line(state string) string {
	return fmt.Sprintf("%s %s %0*d\n", state, b.Boot, numberSize, b.Mount)
}

// Once says that both are known, and that there will be no other mount of that number in this boot: Linux has such numbers from
// 6.8 on, and begins them above those that it gave again and again before.
func (b BootMount) Once() bool { return b.Boot != "" && b.Mount > 1<<31 }
