package recovery

import (
	"errors"
	"slices"
	"syscall"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// History is in two places: what a transaction replaced is in its folder in history/, which was its stage folder, and its
// record stays in the journal. It takes both to undo it. So history is dropped by taking the folder away, which costs
// nothing, and the record follows with the next put.

// historyNames lists what is in history/. A store in which nothing was ever kept may have none.
func (e *Env) historyNames() (map[string]bool, error) {
	names := map[string]bool{}
	if e.History == nil {
		return names, nil
	}
	all, err := e.History.Names()
	if err != nil {
		return nil, PathError("read", historyPath, err)
	}
	for _, n := range all {
		names[n] = true
	}
	return names, nil
}

const historyPath = journal.StateFolder + "/" + HistoryFolder

// sortKept finds out whether a record is of a transaction in history/.
func (p *Pending) sortKept(r *journal.Record, staged, kept bool) {
	switch {
	case r.State == journal.Kept && staged && !kept:
		p.stray = append(p.stray, r.ID.String()) // a power cut has taken back that the folder went to history/
		p.kept = append(p.kept, r)
	case r.State == journal.Kept && !kept:
		p.finished = append(p.finished, r.ID) // dropped
	case kept && !staged && r.Keep && (r.State == journal.Kept || r.State == journal.Decided):
		p.kept = append(p.kept, r)
	}
}

// dropUndone takes out of the history what another transaction in it has undone: a process may die between the two.
func (p *Pending) dropUndone(kept []*journal.Record) []*journal.Record {
	undone := map[uuid.UUID]bool{}
	for _, r := range kept {
		if r.Undoes != nil && !p.rebooted(r) {
			undone[r.Undoes.ID] = true
		}
	}
	return slices.DeleteFunc(kept, func(r *journal.Record) bool {
		if undone[r.ID] {
			p.undone = append(p.undone, r.ID.String())
		}
		return undone[r.ID]
	})
}

// sortHistory moves what belongs in history/ there, and what was undone to trash/. What no record speaks of goes to
// displaced/: the journal may be an older one that was put back.
func (e *Env) sortHistory(p *Pending, rep *Report) error {
	for _, id := range p.stray {
		err := e.Stage.RenameNoReplace(id, e.History, id)
		if errors.Is(err, syscall.ENOSPC) {
			continue // on btrfs; it stays known by its record until there is space
		}
		if err != nil && !isGone(err) {
			return PathError("keep", ".txcommit/stage/"+id, err)
		}
		if err := e.Stage.Unlink(id + OwnerSuffix); err != nil && !isGone(err) {
			return PathError("clean up", ".txcommit/stage/"+id+OwnerSuffix, err)
		}
	}
	for _, name := range p.undone {
		if err := e.DropHistory(name); err != nil {
			return err
		}
	}
	kept, err := e.keepHistory(p.lost)
	rep.Displaced = append(rep.Displaced, kept...)
	return err
}

// keepHistory moves folders from history/ to displaced/, durably.
func (e *Env) keepHistory(names []string) (kept []string, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	for _, n := range names {
		if err := e.History.RenameNoReplace(n, e.Displaced, n); err != nil {
			return kept, PathError("keep", historyPath+"/"+n, err)
		}
		kept = append(kept, displacedPath+"/"+n)
	}
	if err := e.Displaced.Sync(); err != nil {
		return kept, PathError("sync", displacedPath, err)
	}
	return kept, PathError("sync", historyPath, e.History.Sync())
}

// endHistory drops all of it: what came before a transaction that is not kept cannot be undone without skipping that.
func (e *Env) endHistory(rep *Report) error {
	for _, r := range rep.Kept {
		if err := e.DropHistory(r.ID.String()); err != nil {
			return err
		}
	}
	rep.Kept = nil
	return nil
}

// DropHistory takes a folder out of history/; EmptyTrash follows. A folder that is gone is no error.
func (e *Env) DropHistory(name string) error {
	err := e.History.RenameNoReplace(name, e.Trash, name)
	if isGone(err) {
		return nil
	}
	return PathError("clean up", historyPath+"/"+name, err)
}

// Kept lists the records of the transactions in history/, in their order. It changes nothing.
func (p *Pending) Kept() []*journal.Record { return slices.Clone(p.kept) }

// OpenKept opens the folder of a transaction in history/, and completes its record.
func (e *Env) OpenKept(rec *journal.Record) (*fsys.Dir, error) {
	path := historyPath + "/" + rec.ID.String()
	d, err := e.History.Sub(rec.ID.String())
	if err != nil {
		return nil, PathError("open", path, err)
	}
	if rec.Detached() {
		if err := attach(d, path, rec); err != nil {
			_ = d.Close()
			return nil, err
		}
	}
	return d, nil
}
