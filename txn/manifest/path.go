package manifest

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
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
// than 255 bytes, more than 4095 bytes in all, and at any depth a component
// ".txcommit" or the name of a transaction's private folder. The root itself, ".", is refused unless allowDot. Any other
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
	case isOuter(name):
		return fmt.Errorf("%s: %s is a private folder of a transaction; use another name", quote(p), quote(name))
	case len(name) > maxName:
		return fmt.Errorf("%s: name has %d bytes; shorten it to %d", quote(name), len(name), maxName)
	}
	return nil
}

// isOuter says that a name is that of a private folder that a transaction has in another file system; see package journal.
func isOuter(name string) bool {
	return strings.HasPrefix(name, stateDir+"-") && outer().MatchString(name)
}

var outer = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\.txcommit-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-(0|[1-9][0-9]{0,3})$`)
})
