package crashtest_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/mutants"
)

// TestMustPass compares the tests and the seeded bugs that there are with must-pass.txt: one that has gone, or that a
// build constraint leaves out, would otherwise be missed by nobody. Where TXCOMMIT_REQUIRE is "all" none of them skips.
func TestMustPass(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the lab is for Linux
	}
	b, err := os.ReadFile("must-pass.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(b)), "\n")
	is := append(tests(t), seeds(t)...)
	for _, name := range want {
		if !slices.Contains(is, name) {
			t.Errorf("%s: is in must-pass.txt, and missing", name)
		}
	}
	for _, name := range is {
		if !slices.Contains(want, name) {
			t.Errorf("%s: add it to must-pass.txt, so that nobody loses it", name)
		}
	}
}

// tests lists the test functions that are built here, each after its folder.
func tests(t *testing.T) (all []string) {
	t.Helper()
	context := build.Default
	context.BuildTags = append(context.BuildTags, "gate")
	err := filepath.WalkDir(".", func(p string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		if ok, err := context.MatchFile(filepath.Dir(p), filepath.Base(p)); err != nil || !ok {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
				all = append(all, filepath.Dir(p)+" "+fn.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// seeds lists the seeded bugs with their layers.
func seeds(t *testing.T) (all []string) {
	t.Helper()
	mutants, err := mutants.All("")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		for _, layer := range m.Layers {
			all = append(all, "seed "+m.Name+" "+layer)
		}
	}
	return all
}
