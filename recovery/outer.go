package recovery

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// Where targets are on another file system than the stage folder, what is staged for them, and what comes out of the tree
// there, is in an outer folder (journal.Sub): a private folder beside targets. It is the one thing of ours that is in the
// tree, so that it must be found again whatever happens:
//
//   - A note in the stage folder says where it is, and is durable before the folder is made.
//   - A stage folder is not thrown away before its outer folders are gone, durably.
//   - Of a transaction that has taken effect they go when its end is durable: its stage folder is called <id>.ended by
//     then. Until then they are needed to tell what is done, and a half of one would tell lies.
//
// While what they are on is not mounted nothing is done about them, and nothing in the tree for a record that needs them.

// EndedSuffix is put to the name of the stage folder of a transaction that has ended, while its outer folders are removed.
const EndedSuffix = ".ended"

const notePrefix = "outer-"

// NoteName is the name of the note about a transaction's n-th outer folder, in its stage folder.
func NoteName(n int) string { return notePrefix + strconv.Itoa(n) }

// unmounted says that the place of an outer folder is not there. It is no fs.ErrNotExist: that would be an answer.
type unmounted struct{ top string }

func (e *unmounted) Error() string {
	return fmt.Sprintf("%s: what the unfinished transaction changes here is missing: mount it again, or put the folder back", e.top)
}

// note is what a stage folder says about one of its outer folders.
type note struct {
	*journal.OuterNote
	name string // of the outer folder
}

// path of the outer folder, relative to the root.
func (n *note) path() string {
	s := journal.OuterSub(n.Host, n.name, journal.Inode{})
	return s.Name
}

// notes reads the notes of the stage folder of a transaction. One that cannot be read was being written when its process
// died: its folder was never made.
func notes(stage *fsys.Dir, id string) ([]note, error) {
	names, err := stage.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []note
	for _, file := range names {
		n, ok := strings.CutPrefix(file, notePrefix)
		if name := journal.OuterPrefixed(id, n); ok && journal.IsOuter(name) {
			decoded, err := readNote(stage, file)
			if err != nil {
				return nil, err
			}
			if decoded != nil {
				all = append(all, note{decoded, name})
			}
		}
	}
	return all, nil
}

func readNote(stage *fsys.Dir, file string) (*journal.OuterNote, error) {
	f, err := stage.Open(file)
	if err == syscall.ELOOP {
		return nil, nil // a link is no note
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const longest = 16 << 10 // of two paths
	b, err := io.ReadAll(io.LimitReader(f, longest))
	if errors.Is(err, syscall.EISDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, bareErrno(err)
	}
	n, err := journal.DecodeOuterNote(b)
	if err != nil {
		return nil, nil // see notes
	}
	return n, nil
}

// recorded opens a folder of the tree if it is the recorded one, and returns nil if it is not.
func (e *Env) recorded(path string, id journal.Inode) (*fsys.Dir, error) {
	d, err := openBeneath(e.Root, path)
	if isGone(err) || err == syscall.ELOOP || err == syscall.ENOTDIR {
		return nil, nil
	}
	if err != nil {
		return nil, PathError("open", path, err)
	}
	self, err := d.Self()
	if err == nil && inode(self) == id {
		return d, nil
	}
	_ = d.Close()
	return nil, PathError("stat", path, err)
}

// idOf is the transaction of a name in stage/.
func idOf(name string) string { return strings.TrimSuffix(name, EndedSuffix) }

// Left is something of a dead process that stays where it is.
type Left struct {
	// Path is where it is, as far as that is known, else where it was made; relative to the root.
	Path string
	// Why it stays.
	Why error
	// ID is that of the transaction whose stage folder waits for it, if Abandon can help; else empty.
	ID string
}

// withOuters calls f for each outer folder that the stage folder at name speaks of and whose host is there. away are the
// others.
func (e *Env) withOuters(name string, search bool, f func(stage, host *fsys.Dir, n *note) error) (away []Left, err error) {
	stage, err := e.Stage.Sub(name)
	if isGone(err) || err == syscall.ENOTDIR || err == syscall.ELOOP {
		return nil, nil
	}
	if err != nil {
		return nil, PathError("open", ".txcommit/stage/"+name, err)
	}
	defer stage.Close()
	all, err := notes(stage, idOf(name))
	if err != nil {
		return nil, PathError("read", ".txcommit/stage/"+name, err)
	}
	for i := range all {
		n := &all[i]
		host, err := e.host(n, search)
		var no *unmounted
		if errors.As(err, &no) {
			err = errAway
		}
		if err == errHostGone || err == errHidden || err == errElsewhere || err == errAway || refusesChange(err) {
			away = append(away, Left{n.path(), err, idOf(name)})
			continue
		}
		if err == nil {
			err = f(stage, host, n)
			_ = host.Close()
		}
		if err != nil {
			return away, PathError("clean up", n.path(), err)
		}
	}
	return away, nil
}

// removeOuters removes, durably, the outer folders of a stage folder in which nothing is a user's. It returns those that are
// left because what they are on is not mounted, or not for writing, or because nobody can see where they are, or remove them.
func (e *Env) removeOuters(name string) (left []Left, err error) {
	mine, err := e.mine()
	if err != nil {
		return nil, err
	}
	away, err := e.withOuters(name, e.Thorough, func(_, host *fsys.Dir, n *note) error {
		err := RemoveOuter(host, n.name, mine)
		if refusesChange(err) {
			left, err = append(left, Left{n.path(), err, idOf(name)}), nil
		}
		return err
	})
	for _, l := range away {
		if l.Why != errHostGone { // that is for good, and what was in it is gone, or nobody knows where
			left = append(left, l)
		}
	}
	return left, err
}

// refusesChange says that nothing can be removed there as things are: no reason to stop those who have no business there.
func refusesChange(err error) bool {
	refusals := []error{syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EBUSY, syscall.ENOSPC, syscall.EDQUOT}
	for _, is := range refusals {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// mine says what an outer folder must be like of which no inode is known: private, and of the owner of the store or of this
// user, so that nobody can have put a folder of a third one at its name for us to delete.
func (e *Env) mine() (func(fsys.Info) bool, error) {
	state, err := e.State.Self()
	if err != nil {
		return nil, PathError("stat", journal.StateFolder, err)
	}
	return func(i fsys.Info) bool {
		return i.Mode&0o777 == 0o700 && (i.UID == state.UID || i.UID == uint32(os.Geteuid()))
	}, nil
}

// RemoveOuter removes an outer folder, durably. What is at its name and is not a folder that is ours stays.
func RemoveOuter(host *fsys.Dir, name string, ours func(fsys.Info) bool) error {
	i, err := host.Stat(name)
	if err != nil {
		return err
	}
	if i.MountRoot {
		return syscall.EBUSY // what that is like says nothing of what it covers
	}
	if i.Kind == fsys.Folder && ours(i) {
		if err := host.RemoveAll(name); err != nil {
			return err
		}
	}
	return syncNames(host) // also of one that is gone already: a process may have died before it said so
}

// keepOuters brings what is in the outer folders of a stage folder into the stage folder itself, durably. The paths of
// those that stay where they are are returned: what they are on is not mounted, or not for writing, or what they are in is
// not to be found or not to be opened, so that a user has to look for their name.
func (e *Env) keepOuters(name string) (left []string, err error) {
	mine, err := e.mine()
	if err != nil {
		return nil, err
	}
	away, err := e.withOuters(name, true, func(stage, host *fsys.Dir, n *note) error {
		i, err := host.Stat(n.name)
		if err == nil && i.MountRoot {
			left = append(left, n.path())
			return nil
		}
		if err != nil || i.Kind != fsys.Folder || !mine(i) {
			return err
		}
		kept := "from" + n.name
		there, err := stage.Stat(kept)
		if err == nil && !there.Exists() {
			err = below(n.Host, copyDurably(host, n.name, stage, kept, kept+".part"))
		}
		if err != nil {
			return err
		}
		if err = RemoveOuter(host, n.name, mine); refusesChange(err) { // it is kept twice then
			left, err = append(left, n.path()), nil
		}
		return err
	})
	for _, l := range away {
		left = append(left, l.Path)
	}
	return left, err
}
