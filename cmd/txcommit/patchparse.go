package main

import (
	"fmt"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// parsePatch parses a diff, and takes strip leading folders off its names, as patch -p does.
func parsePatch(text string, strip int) ([]*gitdiff.File, error) {
	whole, git := headers(text, strip == 0)
	files, _, err := gitdiff.Parse(strings.NewReader(whole))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the patch cannot be read: %w", &badInput{err})
	case len(files) == 0 && strings.TrimSpace(text) != "":
		return nil, badInputf("there is no diff in the patch")
	case len(files) != len(git):
		return nil, badInputf("the patch cannot be read: found %d headers of %d files", len(git), len(files))
	}
	for i, f := range files {
		n := strip
		if git[i] {
			n = max(strip-1, 0) // the library has taken the first one
		}
		for _, name := range []*string{&f.OldName, &f.NewName} {
			if *name, err = stripped(*name, n); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func stripped(name string, n int) (string, error) {
	short := name
	for range n {
		var ok bool
		if _, short, ok = strings.Cut(short, "/"); !ok && name != "" {
			return "", badInputf("%s: has fewer folders than --strip takes off", quote(name))
		}
	}
	return short, nil
}

// headers finds the headers of the files of a diff, and says of each whether it is one of git, of whose names the library
// takes the first folder. With bare, names have no such folder and get one.
func headers(text string, bare bool) (out string, git []bool) {
	var b strings.Builder
	lines := strings.SplitAfter(text, "\n")
	open := false          // in a header of git
	var removed, added int // lines that are left of a hunk
	for i, line := range lines {
		switch {
		case removed > 0 || added > 0:
			removed, added = inHunk(line, removed, added)
		case strings.HasPrefix(line, "@@ -"):
			removed, added, open = hunkSize(line), hunkSize(line[strings.IndexByte(line, '+')+1:]), false
		case strings.HasPrefix(line, "diff --git "):
			git, open = append(git, true), true
			if bare {
				line = "diff --git " + foldered(line[len("diff --git "):])
			}
		case open && bare && (strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "+++ ")):
			line = line[:4] + inFolder(line[4:])
		case !open && strings.HasPrefix(line, "--- ") && i+2 < len(lines) &&
			strings.HasPrefix(lines[i+1], "+++ ") && strings.HasPrefix(lines[i+2], "@@ -"):
			git = append(git, false)
		}
		b.WriteString(line)
	}
	return b.String(), git
}

// inHunk takes a line off what is left of a hunk.
func inHunk(line string, removed, added int) (int, int) {
	switch {
	case strings.HasPrefix(line, "-"):
		removed--
	case strings.HasPrefix(line, "+"):
		added--
	case strings.HasPrefix(line, `\`):
	case line == "":
		return 0, 0
	default:
		removed, added = removed-1, added-1
	}
	return removed, added
}

// hunkSize returns the number of lines in the first range of the header of a hunk: 3 of "@@ -1,3 +1,4 @@".
func hunkSize(header string) int {
	var at, n int
	_, text, found := strings.Cut(header, "-")
	if !found || !strings.HasPrefix(header, "@@") {
		text = header
	}
	if got, _ := fmt.Sscanf(text, "%d,%d", &at, &n); got < 2 {
		return 1
	}
	return n
}

// foldered puts a folder before two names that are one and the same. For others the name is in the lines that follow.
func foldered(names string) string {
	names, end := strings.TrimSuffix(names, "\n"), names[len(strings.TrimSuffix(names, "\n")):]
	half := len(names) / 2
	if len(names)%2 == 1 && names[:half] == names[half+1:] {
		return inFolder(names[:half]) + " " + inFolder(names[half+1:]) + end
	}
	return names + end
}

func inFolder(name string) string {
	switch {
	case strings.HasPrefix(name, "/dev/null"):
		return name
	case strings.HasPrefix(name, `"`):
		return `"x/` + name[1:]
	}
	return "x/" + name
}
