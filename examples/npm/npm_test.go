//go:build linux

// Package npm_test runs the example for npm.
package npm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/examples/internal/run"
	"github.com/txcommit/txcommit/internal/supervise"
)

// registry serves versions of the one package "left".
func registry(t *testing.T, versions ...string) string {
	tarballs := map[string][]byte{}
	for _, v := range versions {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		content := fmt.Appendf(nil, `{"name": "left", "version": %q}`, v)
		run.Must(t, w.WriteHeader(&tar.Header{Name: "package/package.json", Size: int64(len(content)), Mode: 0o644}))
		_, err := w.Write(content)
		run.Must(t, err)
		run.Must(t, w.Close())
		run.Must(t, z.Close())
		tarballs[v] = b.Bytes()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := strings.CutPrefix(r.URL.Path, "/left/-/left-"); ok {
			_, _ = w.Write(tarballs[strings.TrimSuffix(v, ".tgz")]) // the client notices
			return
		}
		all := map[string]any{}
		for v, b := range tarballs {
			sum := sha512.Sum512(b)
			all[v] = map[string]any{"name": "left", "version": v, "dist": map[string]any{
				"tarball":   "http://" + r.Host + "/left/-/left-" + v + ".tgz",
				"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
			}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // the client notices
			"name": "left", "dist-tags": map[string]string{"latest": versions[len(versions)-1]}, "versions": all,
		})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// stand is a package that is bumped.
type stand struct {
	*testing.T
	root string
	env  []string
}

func newStand(t *testing.T) *stand {
	for _, program := range []string{"npm", "sha256sum"} {
		run.Need(t, program)
	}
	s := &stand{T: t, root: filepath.Join(t.TempDir(), "app")}
	t.Setenv("PATH", run.Txcommit(t)+":"+os.Getenv("PATH"))
	s.env = append(os.Environ(), "TMPDIR="+t.TempDir(), "HOME="+t.TempDir(),
		"npm_config_registry="+registry(t, "1.0.0", "2.0.0", "3.0.0"), "npm_config_update_notifier=false")
	run.Must(t, os.Mkdir(s.root, 0o755))
	run.Must(t, os.WriteFile(filepath.Join(s.root, "package.json"), []byte(`{"name": "app", "version": "1.0.0"}`), 0o644))
	return s
}

func script(t *testing.T) string {
	name, err := filepath.Abs("bump.sh")
	run.Must(t, err)
	return name
}

func (s *stand) command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.root, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// version returns which version of the dependency package.json asks for, and has npm check that the lockfile agrees.
func (s *stand) version() string {
	s.Helper()
	if out, err := s.command("npm", "ci", "--dry-run", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		s.Errorf("npm ci: %v\n%s", err, out)
	}
	var pkg struct{ Dependencies map[string]string }
	b, err := os.ReadFile(filepath.Join(s.root, "package.json"))
	run.Must(s, err)
	run.Must(s, json.Unmarshal(b, &pkg))
	return strings.Trim(pkg.Dependencies["left"], "^~")
}

// TestBump makes the lockfile, changes it, and is refused a version that is not there and one that somebody else has
// prevented.
func TestBump(t *testing.T) {
	s := newStand(t)
	for _, v := range []string{"1.0.0", "2.0.0"} {
		if out, err := s.command("sh", script(t), "left@"+v); err != nil || s.version() != v {
			t.Fatalf("bump to %s: %v\n%s", v, err, out)
		}
	}
	if out, err := s.command("sh", script(t), "left@9.0.0"); err == nil || s.version() != "2.0.0" {
		t.Errorf("bump to 9.0.0: %v\n%s", err, out)
	}
}

// TestKilled kills the script all through the commit. package.json and the lockfile agree each time after a recovery.
func TestKilled(t *testing.T) {
	if err := supervise.Supported(); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs seccomp user notification: %v", err)
		}
		t.Skipf("needs seccomp user notification: %v", err)
	}
	s := newStand(t)
	if out, err := s.command("sh", script(t), "left@1.0.0"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	saw, was := map[string]int{}, s.version()
	pace := 9
	if testing.Short() {
		pace = 27
	}
	for n := 1; ; n += pace {
		to := []string{"2.0.0", "3.0.0"}[n/9%2]
		res, err := supervise.Run(supervise.Fault{At: n, Kill: true, Match: func(c supervise.Call) bool {
			return strings.HasPrefix(c.FD, s.root+"/") || c.FD == s.root
		}}, supervise.Options{Dir: s.root, Env: s.env}, "sh", script(t), "left@"+to)
		run.Must(t, err)
		if out, err := s.command("txcommit", "recover"); err != nil {
			t.Fatalf("killed at %v: recover: %v\n%s", res.Hit, err, out)
		}
		now := s.version()
		if now != was && now != to {
			t.Errorf("killed at %v: the version is %s, was %s, was to be %s", res.Hit, now, was, to)
		} else {
			saw[map[bool]string{true: "new", false: "old"}[now == to]]++
		}
		if t.Failed() || res.Hit == nil {
			break
		}
		was = now
	}
	t.Logf("killed, and then: %v", saw)
	if saw["old"] == 0 || saw["new"] == 0 {
		t.Errorf("after all the kills the two files were %v, want old and new ones", saw)
	}
}
