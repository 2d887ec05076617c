//go:build linux

// Package bundler_test runs the example for bundlers.
package bundler_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/examples/internal/run"
	"github.com/txcommit/txcommit/txn"
)

// site is a copy of the example.
type site struct {
	*testing.T
	root string
}

func newSite(t *testing.T) *site {
	run.Need(t, "node")
	run.Need(t, "npm")
	t.Setenv("PATH", run.Txcommit(t)+":"+os.Getenv("PATH"))
	s := &site{t, t.TempDir()}
	for _, name := range []string{"package.json", "package-lock.json", "build.mjs"} {
		b, err := os.ReadFile(name)
		run.Must(t, err)
		run.Must(t, os.WriteFile(filepath.Join(s.root, name), b, 0o644))
	}
	run.Must(t, os.CopyFS(filepath.Join(s.root, "src"), os.DirFS("src")))
	if out, err := s.command("npm", "ci", "--no-audit", "--no-fund"); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs a registry that has esbuild: %v\n%s", err, out)
		}
		t.Skipf("needs a registry that has esbuild: %v\n%s", err, out)
	}
	return s
}

func (s *site) command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// publish builds an edition.
func (s *site) publish(n int) {
	s.edit(fmt.Sprintf("edition-%d", n))
	if out, err := s.command("txcommit", "run", "--path", "dist", "--", "node", "build.mjs"); err != nil {
		s.Fatalf("edition %d: %v\n%s", n, err, out)
	}
}

func (s *site) edit(edition string) {
	run.Must(s, os.WriteFile(filepath.Join(s.root, "src/edition.js"), fmt.Appendf(nil, "export const edition = '%s'\n", edition), 0o644))
	run.Must(s, os.WriteFile(filepath.Join(s.root, "src/edition.css"), fmt.Appendf(nil, "#edition::after { content: '%s' }\n", edition), 0o644))
}

var (
	asset   = regexp.MustCompile(`(?:app|style)-[A-Z0-9]+\.(?:js|css)`)
	edition = regexp.MustCompile(`edition-[0-9]+`)
)

// visit reads the page and its assets, which are all there is, and returns the edition that they are of.
func visit(dist fs.FS) (string, error) {
	page, err := fs.ReadFile(dist, "index.html")
	if err != nil {
		return "", err
	}
	assets := asset.FindAllString(string(page), -1)
	entries, err := fs.ReadDir(dist, ".")
	if err != nil || len(assets) != 2 || len(entries) != 3 {
		return "", fmt.Errorf("the page names %q, there are %v, %w", assets, entries, err)
	}
	seen := ""
	for _, name := range assets {
		b, err := fs.ReadFile(dist, name)
		if err != nil {
			return "", err
		}
		is := edition.FindString(string(b))
		if is == "" || seen != "" && is != seen {
			return "", fmt.Errorf("%s is of %q, another asset of %q", name, is, seen)
		}
		seen = is
	}
	return seen, nil
}

// TestPublish publishes edition after edition while readers look. Under view they see one edition, whole; without, they
// always find a page that is whole. A build that fails leaves the edition before.
func TestPublish(t *testing.T) {
	s := newSite(t)
	const editions = 8
	s.publish(0)
	var done atomic.Bool
	var wg sync.WaitGroup
	reader := func(look func() error) {
		wg.Go(func() {
			n := 0
			for over := false; !over; n++ {
				over = done.Load()
				if err := look(); err != nil {
					t.Error(err)
					return
				}
			}
			t.Logf("%d looks", n)
		})
	}
	reader(s.viewByLibrary())
	reader(s.viewByCommand)
	reader(s.lookWithoutView)
	for n := 1; n <= editions && !t.Failed(); n++ {
		s.publish(n)
	}
	s.edit("edition-99' + (")
	if out, err := s.command("txcommit", "run", "--path", "dist", "--", "node", "build.mjs"); err == nil || !strings.Contains(out, "nothing was committed") {
		t.Errorf("a build that must fail: %v\n%s", err, out)
	}
	done.Store(true)
	wg.Wait()
	if got, err := visit(os.DirFS(filepath.Join(s.root, "dist"))); err != nil || got != fmt.Sprintf("edition-%d", editions) {
		t.Errorf("at the end there is %s, %v, want edition %d", got, err, editions)
	}
}

// viewByLibrary returns a look by package txn.
func (s *site) viewByLibrary() func() error {
	st, err := txn.Open(context.Background(), s.root, nil)
	run.Must(s, err)
	s.Cleanup(func() { run.Must(s, st.Close()) })
	return func() error {
		return st.View(context.Background(), func(tree fs.FS) error {
			dist, err := fs.Sub(tree, "dist")
			if err == nil {
				_, err = visit(dist)
			}
			return err
		})
	}
}

// viewByCommand copies the site under txcommit view.
func (s *site) viewByCommand() error {
	to, err := os.MkdirTemp("", "mirror")
	if err != nil {
		return err
	}
	defer os.RemoveAll(to)
	if out, err := s.command("txcommit", "view", "--", "cp", "-r", "dist/.", to); err != nil {
		return fmt.Errorf("view: %w\n%s", err, out)
	}
	_, err = visit(os.DirFS(to))
	return err
}

func (s *site) lookWithoutView() error {
	page, err := os.ReadFile(filepath.Join(s.root, "dist/index.html"))
	if err == nil && (len(asset.FindAll(page, -1)) != 2 || !strings.HasSuffix(string(page), "</p>\n")) {
		err = fmt.Errorf("a torn page: %q", page)
	}
	return err
}
