package journal

import (
	"strings"

	"github.com/cockroachdb/errors"
)

// StateFolder is the name of the state folder in the root. No record may touch it.
const StateFolder = ".txcommit"

const maxName = 255

// maxKind is the highest EntryKind; folderKind is that of a folder. See internal/fsys.
const (
	folderKind EntryKind = 2
	maxKind    EntryKind = 4
)

// flagsOf are the flags that each kind of step can have.
var flagsOf = map[StepKind]Flags{
	Install: Linked | Expect | Exchange,
	Remove:  Expect | Empty | Relinked,
	Chmod:   Expect,
	Move:    Expect,
}

// validate refuses a record that this package would not have written: recovery renames what a record says, so a
// damaged or forged one must not lead outside the root, into the state folder, or beyond its own tables.
func validate(r *Record) error {
	if r.Stage.Ino == 0 {
		return errors.New("the stage folder's inode is missing")
	}
	if r.Beside != nil && (r.Process || r.Beside.Length > maxPayload) {
		return errors.New("the length of its steps is wrong")
	}
	for i := range r.Parents {
		if r.Parents[i].Inode.Ino == 0 || !validFolder(r.Parents[i].Path) {
			return errors.Newf("parent %d has the path %q", i, r.Parents[i].Path)
		}
	}
	for i := range r.Subs {
		if r.Subs[i].Inode.Ino == 0 || !r.validSub(&r.Subs[i]) {
			return errors.Newf("stage subfolder %d has the name %q", i, r.Subs[i].Name)
		}
	}
	for i := range r.Steps {
		if err := validateStep(r, &r.Steps[i]); err != nil {
			return errors.Wrapf(err, "step %d", i)
		}
	}
	for i := range r.Made {
		if err := validateMade(r, &r.Made[i]); err != nil {
			return err
		}
	}
	return nil
}

func validateMade(r *Record, m *Made) error {
	if int(m.Step) >= len(r.Steps) || m.Kind == 0 || m.Kind > maxKind || m.Path == "." || !validFolder(m.Path) {
		return errors.Newf("an entry below a new folder has the path %q", m.Path)
	}
	return nil
}

func validateStep(r *Record, s *Step) error {
	if s.Kind < Install || s.Kind > Move {
		return errors.Newf("unknown kind %d", s.Kind)
	}
	if s.Flags&^flagsOf[s.Kind] != 0 {
		return errors.Newf("a step to %s has the flags %#x", s.Kind, s.Flags)
	}
	if int(s.Parent) >= len(r.Parents) || !r.validTarget(s.Parent, s.Name) {
		return errors.Newf("target %q is not valid", s.Name)
	}
	staged := s.Kind == Install || s.Kind == Remove
	if staged && int(s.Sub) >= len(r.Subs) {
		return errors.Newf("stage subfolder %d of %d", s.Sub, len(r.Subs))
	}
	if staged && s.New.Ino == 0 || s.Kind != Install && s.Old.Kind == 0 {
		return errors.New("an inode is missing")
	}
	if s.Old.Kind > maxKind || (s.Old.Kind == 0) != (s.Old.Inode == Inode{}) || s.Kind == Move && s.Old.Kind != folderKind {
		return errors.Newf("what is at %q is of kind %d", s.Name, s.Old.Kind)
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
	return validName(name) && !IsOuter(name) && (r.Parents[parent].Path != "." || name != StateFolder)
}

func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

func validFolder(path string) bool {
	if path == "." {
		return true
	}
	for name := range strings.SplitSeq(path, "/") {
		if !validName(name) || name == StateFolder || IsOuter(name) {
			return false
		}
	}
	return true
}
