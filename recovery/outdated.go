package recovery

import (
	"fmt"
	"io"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
)

// outdated says that somebody has put an older journal back: the stamp tells of steps that were begun in this life of the
// page cache, after a put that this journal has not seen. What is in the stage folder may then be what those steps took
// out of the tree. After a reboot the stamp says nothing, and nobody can tell.
func (e *Env) outdated() (bool, error) {
	f, err := e.State.Open(strings.TrimPrefix(viewName, ".txcommit/"))
	if isGone(err) {
		return false, nil
	}
	if err != nil {
		return false, PathError("open", viewName, err)
	}
	defer f.Close()
	if !stamped(e.State, f, dirty) {
		return false, nil
	}
	var begun uint64
	if _, err := fmt.Fscanf(io.NewSectionReader(f, 0, 1<<10), "dirty %s %d\n%d\n", new(string), new(uint64), &begun); err != nil {
		return false, nil // it is of another version, or cut off
	}
	serial, err := e.DB.Serial()
	return serial < begun, err
}

// begin stamps the store: steps are about to be done, of records that the journal holds durably.
func (e *Env) begin() error {
	serial, err := e.DB.Serial()
	if err != nil {
		return err
	}
	return e.stamp(dirty, fmt.Sprintf("%020d\n", serial))
}

// findOrphans takes the stage folders out of p.dead that may be those of a transaction whose record is gone.
func (e *Env) findOrphans(p *Pending) error {
	old, err := e.outdated()
	if err != nil || !old {
		return err
	}
	dead := p.dead
	p.dead = nil
	for _, n := range dead {
		i, err := e.Stage.Stat(n)
		if err != nil {
			return PathError("stat", ".txcommit/stage/"+n, err)
		}
		if i.Kind == fsys.Folder {
			p.orphans = append(p.orphans, n)
		}
	}
	return nil
}
