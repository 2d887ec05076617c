package main

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // git's name of a content, not a protection
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// Modes as git has them: the kind, and of the permissions only whether a file can be run.
const (
	gitKind      = 0o170000
	gitLink      = 0o120000
	gitSubmodule = 0o160000
	gitPlain     = 0o644
	gitRunnable  = 0o755
)

// patch turns the files of a diff into ops on what is in the root.
type patch struct {
	root   *os.Root
	prefix string
	gone   map[string]bool // the old names of what the diff renames
	ops    []manifest.Op
	at     map[string]int // of the ops, by path
}

// apply adds the ops of a diff.
func (p *patch) apply(files []*gitdiff.File) error {
	p.gone, p.at = map[string]bool{}, map[string]int{}
	for _, f := range files {
		if f.IsRename {
			p.gone[path.Join(p.prefix, f.OldName)] = true
		}
	}
	for _, f := range files {
		if f.OldMode&gitKind == gitSubmodule || f.NewMode&gitKind == gitSubmodule {
			return p.refuse(cmp.Or(f.NewName, f.OldName), badInputf("is a submodule, which no file can be"))
		}
		if f.IsBinary && f.BinaryFragment == nil {
			return p.refuse(cmp.Or(f.NewName, f.OldName), badInputf("is binary, and its content is not in the patch; make it with git diff --binary"))
		}
		for _, name := range []string{f.OldName, f.NewName} {
			if _, err := manifest.CleanPath(name, false); name != "" && err != nil {
				return p.refuse(name, &badInput{err})
			}
		}
		if err := p.file(f); err != nil {
			return err
		}
	}
	return nil
}

// refuse is an error about one file of the diff.
func (p *patch) refuse(name string, err error) error {
	return &txn.Error{Op: len(p.ops), Path: path.Join(p.prefix, name), Err: err}
}

// conflict says that a file is not as the diff expects.
func (p *patch) conflict(name, format string, args ...any) error {
	return p.refuse(name, &mismatch{fmt.Sprintf(format, args...)})
}

// mismatch is a conflict: it says what is not as the diff expects.
type mismatch struct{ text string }

func (m *mismatch) Error() string { return m.text }
func (m *mismatch) Unwrap() error { return txn.ErrConflict }

func (p *patch) file(f *gitdiff.File) error {
	if f.IsNew {
		return p.create(f)
	}
	old, err := p.read(f)
	if err != nil {
		return err
	}
	content, err := p.patched(f, old.content)
	if err != nil {
		return err
	}
	if f.IsDelete {
		if len(content) > 0 {
			return p.conflict(f.OldName, "has more in it than the patch removes")
		}
		p.add(manifest.Op{Kind: manifest.Remove, Path: f.OldName, Expect: old.expect})
		return nil
	}
	mode, err := p.mode(f, old)
	if err != nil {
		return err
	}
	same := bytes.Equal(content, old.content)
	switch {
	case f.IsRename && same && mode == 0:
		return p.rename(f, old)
	case f.IsRename || f.IsCopy:
		p.moved(f, old, content, mode)
	case old.link && !same:
		p.add(manifest.Op{Kind: manifest.Symlink, Path: f.NewName, Target: string(content), Expect: old.expect})
	case !same:
		p.add(manifest.Op{Kind: manifest.Write, Path: f.NewName, Content: content, Mode: mode, Expect: old.expect})
	case mode != 0:
		p.add(manifest.Op{Kind: manifest.Chmod, Path: f.NewName, Mode: mode, Expect: old.expect})
	}
	return nil
}

func (p *patch) create(f *gitdiff.File) error {
	content, err := p.patched(f, nil)
	if err != nil {
		return err
	}
	o := manifest.Op{Kind: manifest.Write, Path: f.NewName, Content: content}
	if f.NewMode&gitKind == gitLink {
		o = manifest.Op{Kind: manifest.Symlink, Path: f.NewName, Target: string(content)}
	} else if bits := uint32(f.NewMode) & 0o7777; f.NewMode != 0 && bits != gitPlain {
		o.Mode = manifest.ModeOf(bits)
	}
	p.comes(o)
	return nil
}

// comes adds an op that makes something at a path where nothing may be but what the diff takes away.
func (p *patch) comes(o manifest.Op) {
	if !p.gone[path.Join(p.prefix, o.Path)] {
		o.Expect.State = manifest.ExpectAbsent
	}
	p.add(o)
}

func (p *patch) rename(f *gitdiff.File, old *oldFile) error {
	from, to := path.Join(p.prefix, f.OldName), path.Join(p.prefix, f.NewName)
	if _, err := p.root.Lstat(to); err == nil && !p.gone[to] && p.kindAt(to) != manifest.Remove {
		return p.conflict(f.NewName, "is there already")
	}
	p.ops = append(p.ops, manifest.Op{Kind: manifest.Rename, From: from, To: to, Expect: old.expect})
	return nil
}

// kindAt is the kind of the op on a path, 0 if there is none.
func (p *patch) kindAt(path string) manifest.Kind {
	if i, ok := p.at[path]; ok {
		return p.ops[i].Kind
	}
	return 0
}

// moved adds a file with another name, and other content or another mode. One that is renamed goes from its old name.
func (p *patch) moved(f *gitdiff.File, old *oldFile, content []byte, mode manifest.Mode) {
	if mode == 0 {
		mode = manifest.ModeOf(old.bits)
	}
	o := manifest.Op{Kind: manifest.Write, Path: f.NewName, Content: content, Mode: mode}
	if old.link {
		o = manifest.Op{Kind: manifest.Symlink, Path: f.NewName, Target: string(content)}
	}
	p.comes(o)
	if !f.IsCopy {
		p.add(manifest.Op{Kind: manifest.Remove, Path: f.OldName, Expect: old.expect})
	}
}

// add adds an op on one path. What is removed and made again is replaced, if it is what the diff says.
func (p *patch) add(o manifest.Op) {
	o.Path = path.Join(".", p.prefix, o.Path)
	i, ok := p.at[o.Path]
	switch {
	case ok && p.ops[i].Kind == manifest.Remove && o.Kind != manifest.Remove:
		o.Expect = p.ops[i].Expect
		p.ops[i] = o
	case ok && p.ops[i].Kind != manifest.Remove && o.Kind == manifest.Remove:
		p.ops[i].Expect = o.Expect
	default:
		p.at[o.Path] = len(p.ops)
		p.ops = append(p.ops, o)
	}
}

// oldFile is a file as it is before the patch. Of a link the content is what it says.
type oldFile struct {
	content []byte
	bits    uint32
	link    bool
	expect  manifest.Expect
}

// read reads the file that a diff changes.
func (p *patch) read(f *gitdiff.File) (*oldFile, error) {
	name := path.Join(p.prefix, f.OldName)
	i, err := p.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, p.conflict(f.OldName, "is missing")
	}
	if err != nil {
		return nil, p.unreadable(f.OldName, err)
	}
	old := &oldFile{link: i.Mode()&fs.ModeSymlink != 0}
	switch link := f.OldMode&gitKind == gitLink; {
	case f.OldMode != 0 && link != old.link, !old.link && !i.Mode().IsRegular():
		return nil, p.conflict(f.OldName, "is not the kind of file that the patch changes")
	case old.link:
		target, err := p.root.Readlink(name)
		old.content, old.expect.State = []byte(target), manifest.ExpectPresent
		return old, err
	}
	file, err := p.root.Open(name)
	if err != nil {
		return nil, p.unreadable(f.OldName, err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	if old.content, err = io.ReadAll(file); err != nil {
		return nil, p.refuse(f.OldName, err)
	}
	_, _ = fmt.Sscanf(octal(i.Mode()), "%o", &old.bits)
	old.expect = manifest.Expect{State: manifest.ExpectSHA256, SHA256: sha256.Sum256(old.content)}
	return old, nil
}

// unreadable is an error of the root about one file. What package os has no errno for leads outside.
func (p *patch) unreadable(name string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		err = txn.ErrEscapes
	}
	return p.refuse(name, err)
}

// patched applies the hunks of a file.
func (p *patch) patched(f *gitdiff.File, old []byte) ([]byte, error) {
	name := f.OldName
	if f.IsNew {
		name = f.NewName
	}
	if f.BinaryFragment != nil && !isBlob(old, f.OldOIDPrefix) && !f.IsNew {
		return nil, p.conflict(name, "is not what the binary patch was made from")
	}
	var out bytes.Buffer
	err := gitdiff.Apply(&out, bytes.NewReader(old), f)
	if e, ok := errors.AsType[*gitdiff.ApplyError](err); ok {
		return nil, p.conflict(name, "hunk %d does not match at line %d", max(e.Fragment, 1), max(e.Line, 1))
	}
	return out.Bytes(), err
}

// isBlob says that a content has this name in git, of which the beginning is given.
func isBlob(content []byte, prefix string) bool {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content)) //nolint:gosec // see above
	return prefix != "" && strings.HasPrefix(fmt.Sprintf("%x", sum), prefix)
}

// mode returns the mode that a diff gives a file, 0 for none. Git only knows whether a file can be run; a diff of plan has
// all bits.
func (p *patch) mode(f *gitdiff.File, old *oldFile) (manifest.Mode, error) {
	if old.link || f.OldMode == 0 || f.NewMode == 0 || f.OldMode == f.NewMode {
		return 0, nil
	}
	was, now := uint32(f.OldMode)&0o7777, uint32(f.NewMode)&0o7777
	if simple(was) && simple(now) {
		if (old.bits^was)&0o100 != 0 {
			return 0, p.conflict(f.OldName, "has mode %04o, and the patch expects %04o", old.bits, was)
		}
		if now == gitRunnable {
			return manifest.ModeOf(old.bits | old.bits&0o444>>2), nil
		}
		return manifest.ModeOf(old.bits &^ 0o111), nil
	}
	if old.bits != was {
		return 0, p.conflict(f.OldName, "has mode %04o, and the patch expects %04o", old.bits, was)
	}
	return manifest.ModeOf(now), nil
}

func simple(bits uint32) bool { return bits == gitPlain || bits == gitRunnable }
