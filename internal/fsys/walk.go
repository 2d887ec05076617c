package fsys

import (
	"os"
	"path"
	"strings"
)

// walk opens rel component by component, refusing links.
func (d *Dir) walk(rel string) (*Dir, error) {
	cur, err := d.Sub(".")
	for name := range strings.SplitSeq(rel, "/") {
		if err != nil || name == "." {
			continue
		}
		next, serr := cur.Sub(name)
		_ = cur.Close()
		cur, err = next, serr
	}
	return cur, err
}

// walkFile opens the file at rel component by component, refusing links.
func (d *Dir) walkFile(rel string) (*os.File, error) {
	dir, name := path.Split(rel)
	sub, err := d.walk(path.Clean(dir))
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	return sub.Open(name)
}
