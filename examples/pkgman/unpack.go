package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
)

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// unpack puts the files of a tarball into dir, and never beside it, and reads what the package says of itself.
func unpack(tarball, dir string) (p pkg, err error) {
	f, err := os.Open(tarball)
	if err != nil {
		return p, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return p, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = unpackEntry(root, h, r)
		}
		if err != nil {
			return p, err
		}
	}
	b, err := root.ReadFile("package.json")
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err == nil && !validName.MatchString(p.Name) {
		err = fmt.Errorf("package.json: %q is not a name", p.Name)
	}
	return p, err
}

func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
	default:
		return fmt.Errorf("%s: is neither a file nor a folder nor a link", h.Name)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, h.FileInfo().Mode()&fs.ModePerm)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
