package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
)

// stateFolder marks a store.
const stateFolder = ".txcommit"

// enough is how many entries are looked at.
const enough = 1_000_000

// below looks for what a transaction of this root cannot reach or change.
func (x *examination) below() error {
	top, err := x.root.Self()
	if err != nil {
		return &fs.PathError{Op: "stat", Path: x.path, Err: err}
	}
	w := &walk{examination: x, top: top}
	if top.Immutable {
		w.immutable.add(".")
	}
	if err := w.folder(x.root, "."); err != nil {
		return err
	}
	w.mounts.tell(x, "mounts", "other file systems below the root take part in transactions as long as they are mounted, "+
		"but nothing is renamed from one to another, the mount points themselves stay, and what touches them is not kept for undo", "none below the root")
	w.stores.tell(x, "stores", "stores below the root are left alone, ops in them are refused", "no other one below the root")
	w.immutable.tell(x, "immutable", "they cannot be replaced, removed or renamed (lsattr)", "")
	w.unreadable.tell(x, "unreadable", "this user cannot look into them", "")
	if w.seen > enough {
		x.note("below", Warn, "only the first %d entries were looked at", enough)
	}
	return nil
}

// paths are some paths and how many more there are.
type paths struct {
	some []string
	n    int
}

func (p *paths) add(rel string) {
	p.n++
	if len(p.some) < 5 {
		p.some = append(p.some, rel)
	}
}

// tell notes what the paths mean, or if there are none that.
func (p *paths) tell(x *examination, check, means, none string) {
	if p.n == 0 {
		if none != "" {
			x.note(check, OK, "%s", none)
		}
		return
	}
	list := strings.Join(p.some, ", ")
	if more := p.n - len(p.some); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	x.note(check, Warn, "%s: %s", means, list)
}

// walk is one walk through the tree, without other file systems and stores.
type walk struct {
	*examination
	top                                   fsys.Info
	seen                                  int
	mounts, stores, immutable, unreadable paths
}

func (w *walk) folder(d *fsys.Dir, rel string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	names, err := d.Names()
	if err != nil {
		w.unreadable.add(rel)
		return nil
	}
	slices.Sort(names)
	for _, name := range names {
		if w.seen++; w.seen > enough {
			return nil
		}
		if err := w.entry(d, name, path.Join(rel, name)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(d *fsys.Dir, name, rel string) error {
	i, err := d.Stat(name)
	if err != nil || !i.Exists() {
		return nil // it goes while we look
	}
	switch {
	case !i.SameFS(w.top) || i.MountRoot:
		w.mounts.add(rel)
		return nil
	case name == stateFolder:
		if at := path.Dir(rel); at != "." {
			w.stores.add(at)
		}
		return nil
	case i.Immutable:
		w.immutable.add(rel)
	}
	if i.Kind != fsys.Folder {
		return nil
	}
	sub, err := d.Sub(name)
	if err != nil {
		w.unreadable.add(rel)
		return nil
	}
	defer sub.Close()
	return w.folder(sub, rel)
}

// overlay tells of what an overlay is made of. Nothing but the mount table knows.
func (x *examination) overlay() {
	const means = "folders of a lower layer cannot be renamed or removed as a whole, and are refused then; files can"
	full, err := filepath.Abs(x.path)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	var table []byte
	if err == nil {
		table, err = os.ReadFile("/proc/thread-self/mountinfo")
	}
	layers, redirect := 0, false
	if err == nil {
		layers, redirect = overlayAt(string(table), full)
	}
	switch {
	case redirect:
		x.note("overlay", OK, "lower layers: %d, with redirect_dir: folders of all layers can be renamed", layers)
	case layers > 0:
		x.note("overlay", Warn, "lower layers: %d; %s", layers, means)
	default:
		x.note("overlay", Warn, "its layers are not known: %s", means)
	}
}

// overlayAt finds in a table of mounts (proc_pid_mountinfo(5)) how many lower layers the overlay has that full is on, and
// whether folders of these can be renamed.
func overlayAt(table, full string) (layers int, redirect bool) {
	best := -1
	for line := range strings.Lines(table) {
		mount, about, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, kind := strings.Fields(mount), strings.Fields(about)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		at := unescape.Replace(fields[4])
		if at != full && !strings.HasPrefix(full, strings.TrimSuffix(at, "/")+"/") || len(at) < best {
			continue
		}
		best, layers, redirect = len(at), 0, false // a later mount covers an earlier one
		for o := range strings.SplitSeq(kind[2], ",") {
			if dirs, ok := strings.CutPrefix(o, "lowerdir="); ok {
				layers = strings.Count(dirs, ":") + 1
			} else if strings.HasPrefix(o, "lowerdir+=") {
				layers++
			}
			redirect = redirect || o == "redirect_dir=on"
		}
	}
	return layers, redirect
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
