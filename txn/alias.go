package txn

import (
	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// inodeOf tells a folder from all others of this moment.
type inodeOf struct {
	dev uint64
	id  fsys.ID
}

// mountsBelow says that something that is wanted is on another mount than the root: only then has a folder two paths.
func (p *preparer) mountsBelow() bool {
	root := p.res.root.info
	for _, w := range p.byPath.items {
		if !w.folder.existing().info.SameFS(root) || w.info.Exists() && !w.info.SameFS(root) {
			return true
		}
	}
	return false
}

// checkAliases refuses what a bind mount makes possible: two paths of one folder, both with steps; a step in a folder that
// another step takes away under its other path; a way into the state folder; and what is in place already and would be
// changed, or go, under another path. hosts are folders of outer folders, true for those in which there is no step: they must
// not go either.
func (p *preparer) checkAliases(steps []step, hosts map[string]bool) error {
	leaves := map[inodeOf]string{} // folders that go, by what they are
	for _, st := range steps {
		at := st.place
		if st.kind == journal.Move {
			at = *st.from
		}
		if st.kind != journal.Chmod && at.info.Kind == fsys.Folder {
			leaves[inodeOf{at.info.Dev, at.info.ID}] = at.path()
		}
	}
	if err := stateFolders(p.stage.state, leaves); err != nil {
		return err
	}
	seen := map[inodeOf]string{}
	for path, f := range p.allowed {
		is := inodeOf{f.info.Dev, f.info.ID}
		if other, ok := seen[is]; ok {
			return errors.Newf("%s and %s are one directory, mounted twice; use one of the two paths", min(path, other), max(path, other))
		}
		seen[is] = path
		for up := f; up != nil; up = up.parent {
			if other, ok := leaves[inodeOf{up.info.Dev, up.info.ID}]; ok && (other != up.path || hosts[path]) {
				return mountedAgain(up.path, other)
			}
		}
	}
	return p.checkUnchanged(steps, leaves)
}

func mountedAgain(path, other string) error {
	return errors.Newf("%s is %s, mounted a second time", path, other)
}

// nameIn is a name in a folder, whatever path leads there.
type nameIn struct {
	folder inodeOf
	name   string
}

func (p place) nameIn() nameIn {
	f := p.folder.info
	return nameIn{inodeOf{f.Dev, f.ID}, p.name()}
}

// checkUnchanged refuses what checkAliases is about for wants without a step: they are to stay as they are. leaves are the
// folders that go. What is mounted itself has another name than what it is, so that modes are looked at by inode.
func (p *preparer) checkUnchanged(steps []step, leaves map[inodeOf]string) error {
	changed, chmods := map[nameIn]string{}, map[inodeOf]place{}
	for i := range steps {
		if steps[i].kind == journal.Chmod {
			chmods[inodeOf{steps[i].info.Dev, steps[i].info.ID}] = steps[i].place
		}
		changed[steps[i].nameIn()] = steps[i].path()
		if steps[i].renames() {
			changed[steps[i].from.nameIn()] = steps[i].from.path()
		}
	}
	var err error
	for _, w := range p.byPath.items {
		if !w.folder.info.Exists() {
			continue // it comes with the transaction
		}
		if other, ok := changed[w.nameIn()]; ok && other != w.path() {
			err = errors.Newf("it is %s, by another path of one directory that is mounted twice", other)
		} else if other, ok := leaves[inodeOf{w.info.Dev, w.info.ID}]; ok && other != w.path() {
			err = mountedAgain(w.path(), other)
		}
		if at, ok := chmods[inodeOf{w.info.Dev, w.info.ID}]; ok && at.path() != w.path() && (at.info.MountRoot || w.info.MountRoot) {
			err = mountedAgain(w.path(), at.path())
		}
		for up := w.folder; up != nil && err == nil; up = up.parent {
			if other, ok := leaves[inodeOf{up.info.Dev, up.info.ID}]; ok && other != up.path {
				err = mountedAgain(up.path, other)
			}
		}
		if err != nil {
			return &Error{Op: w.op, Path: w.said(), Err: err}
		}
	}
	return nil
}

// stateFolders adds the state folder and what is in it to folders in which no step can be.
func stateFolders(state *fsys.Dir, all map[inodeOf]string) error {
	self, err := state.Self()
	if err != nil {
		return recovery.PathError("stat", journal.StateFolder, err)
	}
	all[inodeOf{self.Dev, self.ID}] = journal.StateFolder
	for _, name := range []string{recovery.StageFolder, recovery.TrashFolder, recovery.DisplacedFolder, recovery.HistoryFolder} {
		i, err := state.Stat(name)
		if err != nil {
			return recovery.PathError("stat", statePath(name), err)
		}
		if i.Exists() {
			all[inodeOf{i.Dev, i.ID}] = statePath(name)
		}
	}
	return nil
}
