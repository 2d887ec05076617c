package journal

import (
	"strings"

	"github.com/cockroachdb/errors"
)

// StateFolder is the name of the state folder in the root. No record may touch it.
const StateFolder = ".txcommit"

const maxName = 255

// validate refuses a record that this package would not have written: recovery renames what a record says, so a
// damaged or forged one must not lead outside the root, into the state folder, or beyond its own tables.
func validate(r *Record) error {
	for i := range r.Parents {
		if !validFolder(r.Parents[i].Path) {
			return errors.Newf("parent %d has the path %q", i, r.Parents[i].Path)
		}
	}
	for i := range r.Subs {
		if !validName(r.Subs[i].Name) {
			return errors.Newf("stage subfolder %d has the name %q", i, r.Subs[i].Name)
		}
	}
	for i := range r.Steps {
		if err := validateStep(r, &r.Steps[i]); err != nil {
			return errors.Wrapf(err, "step %d", i)
		}
	}
	return nil
}

func validateStep(r *Record, s *Step) error {
	if s.Kind < Install || s.Kind > Move {
		return errors.Newf("unknown kind %d", s.Kind)
	}
	if int(s.Parent) >= len(r.Parents) || !r.validTarget(s.Parent, s.Name) {
		return errors.Newf("target %q is not valid", s.Name)
	}
	staged := s.Kind == Install || s.Kind == Remove
	if staged && int(s.Sub) >= len(r.Subs) {
		return errors.Newf("stage subfolder %d of %d", s.Sub, len(r.Subs))
	}
	if staged && s.New == (Inode{}) || s.Kind != Install && s.Old.Inode == (Inode{}) {
		return errors.New("an inode is missing")
	}
	if s.Kind == Move && (int(s.ToParent) >= len(r.Parents) || !r.validTarget(s.ToParent, s.ToName)) {
		return errors.Newf("new name %q is not valid", s.ToName)
	}
	if s.Mode > 0o7777 || s.Was > 0o7777 {
		return errors.New("a mode is not valid")
	}
	return nil
}

func (r *Record) validTarget(parent uint32, name string) bool {
	return validName(name) && (r.Parents[parent].Path != "." || name != StateFolder)
}

func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

func validFolder(path string) bool {
	if path == "." {
		return true
	}
	for name := range strings.SplitSeq(path, "/") {
		if !validName(name) || name == StateFolder {
			return false
		}
	}
	return true
}
