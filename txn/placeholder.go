package txn

import (
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// holder is the newest placeholder file of a place.
type holder struct {
	at   string // relative to that place
	info fsys.Info
}

// placeholder makes a name for a removed file to be renamed over: a link to one empty file for many, since that takes
// no inode. A file takes only so many links (65,000 on ext4); then the next one serves.
func (p *preparer) placeholder(o *outer, at string) (journal.Inode, error) {
	in, name := p.stage.where(at)
	h := p.holders[o]
	if h.at != "" {
		err := in.Link(h.at, in, name)
		if err == nil {
			return journal.Inode(h.info.ID), nil
		}
		if err != syscall.EMLINK {
			return journal.Inode{}, err
		}
	}
	f, err := in.Create(name, 0o600)
	if err != nil {
		return journal.Inode{}, err
	}
	defer f.Close()
	if h.info, err = fsys.StatFile(f); err != nil {
		return journal.Inode{}, err
	}
	h.at = name
	p.holders[o] = h
	return journal.Inode(h.info.ID), nil
}
