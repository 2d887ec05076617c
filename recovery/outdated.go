package recovery

import (
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
)

// outdated says that somebody has put an older journal back: the stamp tells of a put that this journal has not seen. What is
// in the stage folder may then be what the steps after that put took out of the tree. A stamp is written when its put is
// durable, so it is never ahead of the journal that it was made with, whatever a power cut has left of both.
func (e *Env) outdated() (bool, error) {
	f, err := e.State.Open(strings.TrimPrefix(viewName, ".txcommit/"))
	if isGone(err) {
		return false, nil
	}
	if err != nil {
		return false, PathError("open", viewName, err)
	}
	defer f.Close()
	begun, ok := stampedSerial(f)
	if !ok {
		return false, nil
	}
	serial, err := e.DB.Serial()
	return serial < begun, err
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
		if i.Kind == fsys.Folder && !strings.HasSuffix(n, EndedSuffix) { // with that it has ended, whatever the journal knows
			p.orphans = append(p.orphans, n)
		} else {
			p.dead = append(p.dead, n)
		}
	}
	return nil
}
