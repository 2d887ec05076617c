// Package docs_test keeps what is written true: the commands, examples and test names in it exist.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const top = ".."

// TestNamedTests checks that each test, benchmark and fuzz target that a page names exists.
func TestNamedTests(t *testing.T) {
	known := testNames(t)
	name := regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z][A-Za-z0-9_]*)[/`]")
	found := 0
	for _, page := range pages(t) {
		for i, line := range strings.Split(text(t, page), "\n") {
			for _, m := range name.FindAllStringSubmatch(line, -1) {
				found++
				if !known[m[1]] {
					t.Errorf("%s:%d: names %s, which does not exist", page, i+1, m[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("found %d names of tests in all pages, want at least 10: is the pattern right?", found)
	}
}

// TestLinks checks that relative links and the paths of pages lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text(t, page), -1) {
			if _, err := os.Stat(filepath.Join(top, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

// TestReadmeExamples checks that the Go code in README is compiled and run, line by line, as a part of an example of
// package txn.
func TestReadmeExamples(t *testing.T) {
	examples := dedent(text(t, "txn/example_test.go") + text(t, "txn/example_json_test.go"))
	blocks := fenced(text(t, "README.md"), "go")
	if len(blocks) == 0 {
		t.Error("README.md has no Go code")
	}
	for _, b := range blocks {
		if !strings.Contains(examples, dedent(b)) {
			t.Errorf("README.md has Go code that is in no example of package txn:\n%s", b)
		}
	}
}

// TestReadmeCommands checks that README tells newcomers the two commands that .ci/run runs as it finds them there.
func TestReadmeCommands(t *testing.T) {
	blocks := fenced(text(t, "README.md"), "sh")
	for _, want := range []string{"go run ./examples/quickstart\n", "go test ./...\n"} {
		if !slices.Contains(blocks, want) {
			t.Errorf("README.md has the commands %q, want %q among them", blocks, want)
		}
	}
}

// TestExitCodes checks that README, the command's doc and its help know the same exit codes.
func TestExitCodes(t *testing.T) {
	code := regexp.MustCompile(`(?m)^(?:\| |//\t *|  +)(\d+)(?: / (\d+))?(?: \||  )`)
	read := func(page, from, to string) (codes []string) {
		_, part, _ := strings.Cut(text(t, page), from)
		part, _, _ = strings.Cut(part, to)
		for _, m := range code.FindAllStringSubmatch(part, -1) {
			codes = append(codes, m[1:]...)
		}
		return slices.DeleteFunc(codes, func(c string) bool { return c == "" })
	}
	want := []string{"0", "1", "2", "3", "4", "5", "6", "7", "64", "65", "130", "143"}
	for _, p := range []struct{ page, from, to string }{
		{"README.md", "## Exit codes", "##"},
		{"cmd/txcommit/doc.go", "# Exit codes", "# Output"},
	} {
		if got := read(p.page, p.from, p.to); !slices.Equal(got, want) {
			t.Errorf("%s has the exit codes %q, want %q", p.page, got, want)
		}
	}
}

// pages lists the pages for people, relative to the top.
func pages(t *testing.T) []string {
	t.Helper()
	return files(t, func(path string) bool { return filepath.Ext(path) == ".md" })
}

// files lists the files of the repository, all modules, for which want is true.
func files(t *testing.T, want func(path string) bool) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		rel, err := filepath.Rel(top, path)
		if err == nil && !d.IsDir() && want(rel) {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// testNames collects the tests of all modules and systems.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") }) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

func text(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fenced returns the code blocks of a language.
func fenced(page, language string) (blocks []string) {
	re := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, m := range re.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// dedent takes the space away from the begin of each line.
func dedent(s string) string {
	return regexp.MustCompile(`(?m)^[\t ]+`).ReplaceAllString(s, "")
}
