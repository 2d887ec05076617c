package manifest

import (
	"fmt"
	"path"
	"strings"
)

const (
	maxName  = 255  // bytes of one component, NAME_MAX
	maxPath  = 4095 // bytes of a whole path, PATH_MAX without its NUL
	stateDir = ".txcommit"
)

// CleanPath checks a path of an op and returns its cleaned form: separated by
// single slashes, relative to the root, without "." components and without a
// slash at the end.
//
// It refuses what can never be the path of an op: an empty or absolute path,
// a ".." component, also one that would cancel out, a NUL byte, names of more
// than 255 bytes, more than 4095 bytes in all, and a component ".txcommit"
// at any depth. The root itself, ".", is refused unless allowDot. Any other
// bytes are legal, also those that are not UTF-8. That the path stays below
// the root once links are followed is not checked here: that takes the tree.
func CleanPath(p string, allowDot bool) (string, error) {
	switch {
	case p == "":
		return "", fmt.Errorf(`"": path is empty; give one relative to the root`)
	case p[0] == '/':
		return "", fmt.Errorf("%s: path is absolute; give it relative to the root", quote(p))
	case strings.IndexByte(p, 0) >= 0:
		return "", fmt.Errorf("%s: path has a NUL byte; remove it", quote(p))
	}
	for name := range strings.SplitSeq(p, "/") {
		if err := checkName(p, name); err != nil {
			return "", err
		}
	}
	p = path.Clean(p)
	switch {
	case p == "." && !allowDot:
		return "", fmt.Errorf(`".": path is the root itself, which only tree takes; name something below it`)
	case len(p) > maxPath:
		return "", fmt.Errorf("%s: path has %d bytes; shorten it to %d", quote(p), len(p), maxPath)
	}
	return p, nil
}

func checkName(p, name string) error {
	switch {
	case name == "..":
		return fmt.Errorf(`%s: path has a ".."; write it without`, quote(p))
	case name == stateDir:
		return fmt.Errorf("%s: %s is the state folder of a store; use another name", quote(p), stateDir)
	case len(name) > maxName:
		return fmt.Errorf("%s: name has %d bytes; shorten it to %d", quote(name), len(name), maxName)
	}
	return nil
}
