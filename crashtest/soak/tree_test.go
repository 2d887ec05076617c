//go:build linux

package soak

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A tree says by path what is there: "d 0755", "l target", or "f 0644 digest". Paths are slash-separated and relative.
type tree map[string]string

func file(mode, text string) string { return "f " + mode + " " + digest(text) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// digestOf is the digest of the file that a node is, empty for others.
func digestOf(node string) string {
	if !strings.HasPrefix(node, "f ") {
		return ""
	}
	return node[len("f 0644 "):]
}

// look reads the tree below dir without its state folder.
func look(dir string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel := p[len(dir)+1:]
		if rel == stateFolder {
			return fs.SkipDir
		}
		t[rel], err = node(p, d)
		return err
	})
	return t, err
}

func node(p string, d fs.DirEntry) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	switch d.Type() {
	case fs.ModeDir:
		return fmt.Sprintf("d %04o", info.Mode().Perm()), nil
	case fs.ModeSymlink:
		target, err := os.Readlink(p)
		return "l " + target, err
	case 0:
		b, err := os.ReadFile(p)
		return file(fmt.Sprintf("%04o", info.Mode().Perm()), string(b)), err
	}
	return "", fmt.Errorf("%s is a special file", p)
}

// below returns what t has below the folder, by paths relative to it.
func (t tree) below(folder string) tree {
	out := tree{}
	for p, n := range t {
		if rel, ok := strings.CutPrefix(p, folder+"/"); ok {
			out[rel] = n
		}
	}
	return out
}

// remove takes p and all below it away.
func (t tree) remove(p string) {
	for q := range t {
		if q == p || strings.HasPrefix(q, p+"/") {
			delete(t, q)
		}
	}
}

// difference says where two trees differ.
func difference(got, want tree) error {
	var errs []error
	for p, n := range want {
		if got[p] != n {
			errs = append(errs, fmt.Errorf("%s: got %q, want %q", p, got[p], n))
		}
	}
	for p, n := range got {
		if _, ok := want[p]; !ok {
			errs = append(errs, fmt.Errorf("%s: got %q, want nothing", p, n))
		}
	}
	return errors.Join(errs...)
}

// oneOf finds the tree among those that may be.
func oneOf(got tree, may []tree) error {
	var errs []error
	for i, t := range may {
		err := difference(got, t)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("possible state %d:\n%w", i+1, err))
	}
	return errors.Join(errs...)
}
