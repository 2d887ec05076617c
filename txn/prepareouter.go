package txn

import (
	"os"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/journal"
)

// allowAcross refuses a rename from one part of the tree to another: what is renamed is one inode.
func (p *preparer) allowAcross(st *step) error {
	if st.from.folder == st.folder {
		return nil
	}
	from, err := p.res.area(st.from.folder)
	if err != nil {
		return err
	}
	to, err := p.res.area(st.folder)
	if err == nil && !to.accepts(from) {
		err = apart(st.from.path(), st.path())
	}
	return err
}

func apart(from, to string) error {
	return errors.Wrapf(syscall.EXDEV, "%s and %s are on different file systems, mounts, subvolumes or projects", from, to)
}

// allowProject refuses what came into a folder before the folder got its project, or by another way past it: the kernel
// would let it out, but not back in.
func (p *preparer) allowProject(at place) error {
	a, err := p.res.area(at.folder)
	if err != nil || a.project == 0 {
		return err
	}
	d, err := p.res.handle(at.folder)
	if err != nil {
		return err
	}
	if id, known := d.ProjectOf(at.name()); known && id != a.project {
		return errors.Wrapf(syscall.EXDEV, "it has project %d and its directory project %d, so that it cannot be renamed there", id, a.project)
	}
	return nil
}

// recordOuters puts the outer folders into the record, all of them: recovery starts with nothing before it has found them
// all. One that nothing came of goes.
func (p *preparer) recordOuters(steps []step) error {
	hosts := map[string]bool{}
	for _, o := range slices.Clone(p.stage.outers) {
		if !p.uses(o) {
			if err := p.stage.dropOuter(o); err != nil {
				return err
			}
			continue
		}
		hosts[o.host] = p.allowed[o.host] == nil
		host, err := p.hostOf(o)
		if err != nil {
			return err
		}
		if _, err := p.parent(host); err != nil {
			return err
		}
		if _, err := p.sub(o.num); err != nil {
			return err
		}
		if err := p.staysOpen(o, steps); err != nil {
			return err
		}
	}
	if len(hosts) == 0 && !p.mountsBelow() {
		return nil
	}
	return p.checkAliases(steps, hosts)
}

// hostOf finds the folder that an outer folder is in. Without the lock something seemed to be staged for it; there may be no
// step in it by now.
func (p *preparer) hostOf(o *outer) (*folder, error) {
	links := 0
	host, err := p.res.folder(o.host, p.res.root, &links)
	if err == nil && (host.path != o.host || host.info.ID != o.hostID) {
		err = errors.Newf("directory %s was changed by another program meanwhile; try again", o.host)
	}
	if err == nil {
		err = p.allowFolder(host)
	}
	return host, err
}

// uses says that a folder with a step in it is in the outer folder's area.
func (p *preparer) uses(o *outer) bool {
	for path := range p.allowed {
		if p.stage.subs[path] == o.num {
			return true
		}
	}
	return false
}

// staysOpen refuses a change of mode after which the outer folder could not be removed from the folder that it is in.
func (p *preparer) staysOpen(o *outer, steps []step) error {
	for _, st := range steps {
		if bits, _ := st.mode.Bits(); st.kind == journal.Chmod && st.path() == o.host && bits&0o300 != 0o300 && os.Geteuid() != 0 {
			advice := "change the mode in a transaction of its own"
			if st.mounted() { // that one would have its private folder there, too
				advice = "use chmod(1) for a mount point"
			}
			return &Error{Op: st.op, Path: st.said(), Err: errors.Newf(
				"mode %04o would not let the transaction remove its private folder %s; %s", bits, o.path(), advice)}
		}
	}
	return nil
}
