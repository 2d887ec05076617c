package recovery

import (
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// Abandon gives an unfinished transaction up: its state becomes abandoned, durably, then what is left of its stage
// folder moves to displaced/ and the record goes. The tree is not touched, now or later.
//
// A dead stage folder that no record needs moves to displaced/, too. That is for one that cannot be swept, because what its
// outer folders are on never comes back.
func (e *Env) Abandon(id string) (Outcome, error) {
	all, err := e.DB.Records()
	if err != nil {
		return Outcome{}, err
	}
	for _, r := range all {
		if r.ID.String() != id {
			continue
		}
		out := Outcome{ID: id, Message: r.Message}
		i, err := e.Stage.Stat(id)
		if err != nil {
			return out, PathError("stat", ".txcommit/stage/"+id, err)
		}
		if r.State == journal.Kept || !i.Exists() && r.State == journal.Decided {
			if i, err := e.Stage.Stat(id + EndedSuffix); err == nil && i.Exists() {
				return e.abandonDead(id)
			}
			return out, errors.Wrapf(fs.ErrInvalid, "transaction %s is finished, there is nothing to abandon", id)
		}
		if err := e.DB.SetState(r, journal.Abandoned); err != nil {
			return out, Incomplete(PathError("write", ".txcommit/journal.db", err))
		}
		return e.abandonStage(r, out)
	}
	return e.abandonDead(id)
}

// abandonDead gives up what a transaction has left in stage/ that no record needs.
func (e *Env) abandonDead(id string) (Outcome, error) {
	p, err := e.Look()
	if err != nil {
		return Outcome{}, err
	}
	names, err := e.folders(append(p.orphans, p.dead...))
	if err != nil {
		return Outcome{}, err
	}
	at := slices.IndexFunc(names, func(n string) bool { return idOf(n) == id })
	if at < 0 {
		return Outcome{}, errors.Wrapf(fs.ErrNotExist, "transaction %s", id)
	}
	kept, err := e.KeepStage(names[at])
	if err != nil && slices.Contains(p.orphans, id) {
		err = Incomplete(err)
	}
	if err != nil {
		return Outcome{}, err
	}
	if slices.Equal(p.orphans, []string{id}) { // from now on this is the journal: what it has not seen is over
		err = e.stampSerial(dirty)
		if err == nil {
			err = fsys.SyncFile(e.View)
		}
	}
	return Outcome{ID: id, Outcome: "abandoned", Displaced: kept}, PathError("write", viewName, err)
}

// folders are those of names in stage/ that are folders.
func (e *Env) folders(names []string) (all []string, err error) {
	for _, n := range names {
		i, err := e.Stage.Stat(n)
		if err != nil {
			return nil, PathError("stat", ".txcommit/stage/"+n, err)
		}
		if i.Kind == fsys.Folder {
			all = append(all, n)
		}
	}
	return all, nil
}

// abandonStage ends an abandoned transaction.
func (e *Env) abandonStage(rec *journal.Record, out Outcome) (Outcome, error) {
	kept, err := e.KeepStage(rec.ID.String())
	if err != nil {
		return out, Incomplete(err)
	}
	out.Displaced = append(out.Displaced, kept...)
	if err := e.DB.Delete(rec); err != nil {
		return out, Incomplete(PathError("write", ".txcommit/journal.db", err))
	}
	out.Outcome = "abandoned"
	return out, nil
}

// KeepStage moves a stage folder whole to displaced/, durably, and returns its new path; nothing if it is gone. What is in
// its outer folders goes with it; those that stay where they are are returned too: see keepOuters.
func (e *Env) KeepStage(name string) ([]string, error) {
	path := ".txcommit/stage/" + name
	away, err := e.keepOuters(name)
	if err != nil {
		return nil, err
	}
	err = e.Stage.RenameNoReplace(name, e.Displaced, name)
	if err != nil && !isGone(err) {
		return nil, PathError("keep", path, err)
	}
	gone := err != nil
	if err := e.Displaced.Sync(); err != nil {
		return nil, PathError("sync", displacedPath, err)
	}
	if err := e.Stage.Sync(); err != nil {
		return nil, PathError("sync", ".txcommit/stage", err)
	}
	if err := e.Stage.Unlink(idOf(name) + OwnerSuffix); err != nil && !isGone(err) {
		return nil, PathError("clean up", path+OwnerSuffix, err)
	}
	if gone {
		return nil, nil
	}
	return append([]string{displacedPath + "/" + name}, away...), nil
}

// KeepHistory moves all of history/ to displaced/. It is for a store whose journal is gone: without the records it would be
// deleted as nobody's.
func (e *Env) KeepHistory() ([]string, error) {
	names, err := e.historyNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	return e.keepHistory(slices.Sorted(maps.Keys(names)))
}

// KeepDead moves every stage folder that belongs to no live process to displaced/. It is for a store whose journal
// cannot be read: any of them may hold a user's file.
func (e *Env) KeepDead() ([]string, error) {
	dead, err := e.deadStages(nil)
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, n := range dead {
		if strings.HasSuffix(n, OwnerSuffix) || strings.HasSuffix(n, newOwnerSuffix) {
			continue
		}
		paths, err := e.KeepStage(n)
		if err != nil {
			return kept, err
		}
		kept = append(kept, paths...)
	}
	return kept, nil
}
