package txn

import "github.com/txcommit/txcommit/internal/fsys"

// area is a part of the tree within which names can be renamed, linked and exchanged: one mount, one file system or
// subvolume, one project.
type area struct {
	dev, mount uint64
	project    uint32
}

func areaAt(d *fsys.Dir, i fsys.Info) (area, error) {
	h, err := d.Heritage(i)
	return area{i.Dev, i.Mount, h.Project}, err
}

// accepts says that a file of the other area can get a name in this one.
func (a area) accepts(o area) bool {
	return a.dev == o.dev && a.mount == o.mount && (a.project == 0 || a.project == o.project)
}

// existing is the folder itself, or the nearest one above it that is there.
func (f *folder) existing() *folder {
	for !f.info.Exists() && f.parent != nil {
		f = f.parent
	}
	return f
}

// inherited returns what a folder hands down, read once.
func (r *resolver) inherited(f *folder) (*fsys.Heritage, error) {
	if f.heritage != nil {
		return f.heritage, nil
	}
	d, err := r.handle(f)
	if err != nil {
		return nil, err
	}
	h, err := d.Heritage(f.info)
	if err != nil {
		return nil, err
	}
	f.heritage = &h
	return f.heritage, nil
}

// area finds out which part of the tree a folder is in; one that is still to be made, will be in.
func (r *resolver) area(f *folder) (area, error) {
	f = f.existing()
	h, err := r.inherited(f)
	if err != nil {
		return area{}, err
	}
	return area{f.info.Dev, f.info.Mount, h.Project}, nil
}

// top is the folder where an area begins that f is in.
func (r *resolver) top(f *folder, a area) (*folder, error) {
	for f.parent != nil {
		up, err := r.area(f.parent)
		if err != nil || up != a {
			return f, err
		}
		f = f.parent
	}
	return f, nil
}
