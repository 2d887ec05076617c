package txn

import (
	"archive/tar"
	"io"
	"path"
	"strings"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/txn/manifest"
)

// TarOptions are the settings of ApplyTar. The zero value unpacks into the root.
type TarOptions struct {
	// Prefix is the folder to unpack into, relative to the root.
	Prefix string
	// Strip is how many leading components of each name are dropped. What has no more than these is left out.
	Strip int
}

// ApplyTar adds the writes of all that is in a tar archive, which is not compressed: files, folders and symbolic links
// with their modes, exactly. A hard link becomes a copy. Owners, times and attributes are not taken over, and nothing is
// removed; an id or conditions are for the caller to add. Of several entries with one path the last one counts, as with tar,
// whose -r appends it; a hard link means the entry that came before the link. The contents are staged while the archive is
// read, and take little memory.
//
// An archive with devices or FIFOs, with names or links that lead out of the root, or without its end marker (it may be
// cut) is an error that matches fs.ErrInvalid. After an error the transaction holds the ops before it: roll it back.
func (tx *Tx) ApplyTar(r io.Reader, o TarOptions) error {
	cut := &tail{r: r}
	a := &archive{tx: tx, o: o, in: tar.NewReader(cut), made: map[string]made{}, files: map[string]*stream{}}
	for {
		cut.ended, cut.zeros = false, 0
		h, err := a.in.Next()
		if err == io.EOF {
			if cut.ended && cut.zeros < 512 {
				return invalidf("the archive ends without its end marker: it may be cut")
			}
			return a.dropOutdated()
		}
		if err != nil {
			return archiveError(err)
		}
		if err := a.entry(h); err != nil {
			return err
		}
	}
}

// tail notices the end of a text, and how many zero bytes were read last.
type tail struct {
	r     io.Reader
	ended bool
	zeros int
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if trailing := n - len(strings.TrimRight(string(p[:n]), "\x00")); trailing < n {
		t.zeros = trailing
	} else {
		t.zeros += n
	}
	if err == io.EOF && n > 0 {
		err = nil
	}
	t.ended = t.ended || err == io.EOF
	return n, err
}

// archiveError makes what is wrong with the archive itself an error of the input.
func archiveError(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalidf("not a whole tar archive: %v", err)
	}
	return err
}

// archive is one run of ApplyTar.
type archive struct {
	tx    *Tx
	o     TarOptions
	in    *tar.Reader
	made  map[string]made
	files map[string]*stream // by their names in the archive
	// outdated are the contents that later entries have replaced; hard links may mean them.
	outdated []*stream
}

// made is the last entry for a path.
type made struct {
	name    string // in the archive
	folder  bool
	content *stream
}

// add adds the op of an entry, or puts it in the place of that of an earlier entry for its path.
func (a *archive) add(name string, g given) error {
	to := g.Path
	was, again := a.made[to]
	now := made{name, g.Kind == manifest.Mkdir, g.content}
	if again && was.folder != now.folder {
		return &Error{Op: a.tx.len(), Path: to, Err: invalidf(
			"entry %q of the archive and %q before it have this path, and only one of them is a directory", name, was.name)}
	}
	a.made[to], a.files[name] = now, now.content
	if !again {
		return a.tx.add(g, nil)
	}
	if was.content != nil {
		a.outdated = append(a.outdated, was.content)
	}
	return a.tx.replace(to, g)
}

// replace puts an op in the place of the one that ends on its path.
func (tx *Tx) replace(path string, g given) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTxDone
	}
	i := tx.byPath[path]
	if err := g.clean(nil); err != nil {
		return &Error{Op: i, Path: path, Err: err}
	}
	tx.ops[i] = tx.shared.op(g)
	tx.number(g.content)
	return nil
}

// dropOutdated deletes the contents that no op has any more.
func (a *archive) dropOutdated() error {
	for _, s := range a.outdated {
		if err := s.drop(); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) entry(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := manifest.CleanPath(h.Name, true)
	if err != nil {
		return &Error{Op: a.tx.len(), Path: h.Name, Err: invalid{err}}
	}
	to, ok := a.target(name)
	if !ok {
		return nil
	}
	mode := manifest.ModeOf(uint32(h.Mode))
	switch h.Typeflag {
	case tar.TypeDir:
		if to == "." {
			return nil
		}
		return a.add(name, given{Op: manifest.Op{Kind: manifest.Mkdir, Path: to, Mode: mode}})
	case tar.TypeReg, tar.TypeGNUSparse:
		return a.file(name, to, mode, a.in)
	case tar.TypeLink:
		return a.hardLink(name, to, h.Linkname, mode)
	case tar.TypeSymlink:
		if leaves(to, h.Linkname) {
			return &Error{Op: a.tx.len(), Path: h.Name, Err: invalidf("is a link to %q, which leads out of the root", h.Linkname)}
		}
		return a.add(name, given{Op: manifest.Op{Kind: manifest.Symlink, Path: to, Target: h.Linkname}})
	}
	return &Error{Op: a.tx.len(), Path: h.Name, Err: invalidf("is a device or FIFO in the archive, and not made")}
}

// target is where an entry goes; ok is false for what is left out.
func (a *archive) target(name string) (to string, ok bool) {
	if name == "." {
		name = ""
	}
	for range a.o.Strip {
		if _, name, ok = strings.Cut(name, "/"); !ok {
			return "", false
		}
	}
	return path.Join(".", a.o.Prefix, name), true
}

// leaves says that a link at a path leads out of the root, going by the names alone.
func leaves(at, target string) bool {
	to := path.Join(path.Dir(at), target)
	return path.IsAbs(target) || to == ".." || strings.HasPrefix(to, "../")
}

// file adds a write with the content that r has.
func (a *archive) file(name, to string, mode manifest.Mode, r io.Reader) error {
	s := &stream{tx: a.tx, said: to}
	if err := a.add(name, given{Op: manifest.Op{Kind: manifest.Write, Path: to, Mode: mode}, content: s}); err != nil {
		return err
	}
	_, err := io.Copy(s, r)
	if err := s.Close(); err != nil {
		return err
	}
	return archiveError(err)
}

// hardLink adds a write with the content of an entry that came before.
func (a *archive) hardLink(name, to, link string, mode manifest.Mode) error {
	clean, err := manifest.CleanPath(link, false)
	other := a.files[clean]
	if err != nil || other == nil {
		return &Error{Op: a.tx.len(), Path: to, Err: invalidf("is a hard link to %q, which is no file before it in the archive", link)}
	}
	r, err := other.open()
	if err != nil {
		return err
	}
	defer r.Close()
	return a.file(name, to, mode, r)
}
