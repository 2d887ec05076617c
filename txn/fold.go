package txn

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// folds says that the file system takes names for one that differ in case only: the state folder is found by another one.
func (r *resolver) folds() (bool, error) {
	if r.state.IsZero() {
		return false, nil // there is none yet: the look under the lock tells
	}
	i, err := r.stat(r.root, strings.ToUpper(journal.StateFolder))
	return err == nil && i.ID == r.state, err
}

// checkFolding refuses wants that have different paths here and one for a file system that folds names, in folders of
// which folds says so. Such file systems differ in what they fold; what any of them may is refused.
func (s *scan) checkFolding(folds func(*folder) bool) error {
	said := map[string]*want{} // the first want with a path, by the path as the file system may see it
	path := map[string]string{}
	seen := func(w *want, exact, folded string) error {
		switch old, ok := path[folded]; {
		case !ok:
			said[folded], path[folded] = w, exact
		case old != exact:
			return s.clash(w, said[folded], "cannot go together: the file system takes two names for one, "+old+" and "+exact)
		}
		return nil
	}
	keys := map[*folder]string{}
	var key func(w *want, f *folder) (string, error)
	key = func(w *want, f *folder) (string, error) {
		if k, ok := keys[f]; ok || f.parent == nil {
			return k, nil
		}
		up, err := key(w, f.parent)
		if err != nil {
			return "", err
		}
		keys[f] = up + "/" + foldedIf(folds(f.parent), f.name)
		return keys[f], seen(w, f.path, keys[f])
	}
	for _, w := range s.sorted() {
		k, err := key(w, w.folder)
		if err == nil {
			err = seen(w, w.path(), k+"/"+foldedIf(folds(w.folder), w.name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func foldedIf(folds bool, name string) string {
	if !folds {
		return name
	}
	return folded(name)
}

// folded is a name without what file systems ignore: case, the way accents are written, and what cannot be seen. What is
// no text is compared byte by byte by them, too.
func folded(name string) string {
	if !utf8.ValidString(name) {
		return name
	}
	seen := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, name)
	return norm.NFD.String(cases.Fold().String(norm.NFD.String(seen)))
}

// isState says that what is at a name of the root is the state folder, whatever the name.
func (r *resolver) isState(name string, i fsys.Info) bool {
	return name == journal.StateFolder || i.Kind == fsys.Folder && i.ID == r.state && !r.state.IsZero()
}
