package txn

import (
	"maps"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// outersThere makes sure that nobody has deleted or moved an outer folder out of the folder that it was made in, wherever that
// is by now: see dropLost.
func (s *stage) outersThere() error {
	for _, o := range s.outers {
		i, err := o.in.Stat(o.name)
		if err == nil && i.ID != o.id {
			err = errors.Newf("%s was deleted or replaced by another program", o.path())
		}
		if err != nil {
			return recovery.PathErrno("stat", o.path(), err)
		}
	}
	return nil
}

// dropLost lets go of outer folders that are not where they were made: what they are in was moved, replaced or deleted, by
// another transaction maybe, since nothing keeps others from that before the lock is held. What was staged in them is staged
// again, where it belongs now.
func (s *stage) dropLost(sc *scan) error {
	for _, o := range slices.Clone(s.outers) {
		if o.broken || sc.finds(o) {
			continue
		}
		if err := s.dropOuter(o); err != nil {
			return err
		}
	}
	return nil
}

// finds says that an outer folder is where it was made.
func (s *scan) finds(o *outer) bool {
	links := 0
	host, err := s.res.folder(o.host, s.res.root, &links)
	if err != nil || host.path != o.host || host.info.ID != o.hostID {
		return false
	}
	i, err := o.in.Stat(o.name)
	return err == nil && i.ID == o.id
}

// dropOuter removes an outer folder, wherever it is by now, and forgets what is staged in it: what was to be changed there is
// as it should be, or to be changed elsewhere.
func (s *stage) dropOuter(o *outer) error {
	if err := o.remove(); err != nil {
		return err
	}
	if err := s.dir.Unlink(recovery.NoteName(int(o.num &^ outerSub))); err != nil { // or it would be looked for in vain
		return stageError("delete", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.subs, func(_ string, sub uint32) bool { return sub == o.num })
	all := s.staged.items
	s.staged = byPath[*staged]{}
	for _, st := range all {
		if st.top().sub != o.num {
			s.staged.put(st)
		} else if st.kind == fsys.File {
			s.bytes.Add(-st.size)
		}
	}
	for i := range s.outers {
		if s.outers[i] == o {
			s.outers = append(s.outers[:i:i], s.outers[i+1:]...)
			break
		}
	}
	s.spread.Store(len(s.outers) > 0)
	o.close()
	return nil
}
