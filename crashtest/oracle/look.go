package oracle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// Found is what is at one path.
type Found struct {
	Kind     workload.Kind // 0: a special file
	Mode     uint32
	UID, GID uint32
	Text     string // content or target
	Attr     string
	Ino      uint64
	Mtime    int64 // nanoseconds
}

// Seen is what is found in a root.
type Seen struct {
	Tree map[string]Found
	// State are the paths in the state folder, relative to it; nil if there is no state folder.
	State []string
}

// stateFolder is the name of the state folder.
const stateFolder = ".txcommit"

// Look reads a root.
func Look(root string) (*Seen, error) {
	s := &Seen{Tree: map[string]Found{}}
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		rel := p[len(root)+1:]
		if rel == stateFolder {
			if s.State, err = names(p); err != nil {
				return err
			}
			return fs.SkipDir
		}
		f, err := found(p)
		s.Tree[rel] = f
		return err
	})
	return s, err
}

func names(dir string) ([]string, error) {
	out := []string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		out = append(out, p[len(dir)+1:])
		return nil
	})
	slices.Sort(out)
	return out, err
}

func found(p string) (Found, error) {
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return Found{}, err
	}
	f := Found{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Ino: st.Ino, Mtime: st.Mtim.Nano()}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		f.Kind = workload.Folder
		return f, nil
	case unix.S_IFLNK:
		f.Kind = workload.Link
		target, err := os.Readlink(p)
		f.Text = target
		return f, err
	case unix.S_IFREG:
		f.Kind = workload.File
		b, err := os.ReadFile(p)
		if err != nil {
			return f, err
		}
		f.Text = string(b)
		f.Attr, err = attr(p)
		return f, err
	}
	return f, nil
}

func attr(p string) (string, error) {
	b := make([]byte, 256)
	n, err := unix.Lgetxattr(p, workload.AttrName, b)
	switch err {
	case nil:
		return string(b[:n]), nil
	case unix.ENODATA, unix.ENOTSUP:
		return "", nil
	}
	return "", err
}

// String is what was found on one line.
func (f Found) String() string {
	n := workload.Node{Kind: f.Kind, Mode: f.Mode, UID: f.UID, GID: f.GID, Text: f.Text, Attr: f.Attr}
	if f.Kind == 0 {
		return "a special file"
	}
	return fmt.Sprintf("%v (inode %d)", &n, f.Ino)
}
