//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A Capability is something that a test cannot do without. It is found out by using it.
type Capability struct {
	name  string
	probe func() error
}

// Check returns nil if the capability is there.
func (c Capability) Check() error { return c.probe() }

// Private is the sandbox itself.
var Private = Capability{"private mount and process namespaces (root)", func() error { return errOutside }}

// Probed is a capability with a probe of its own.
func Probed(name string, probe func() error) Capability { return Capability{name, probe} }

// Loop is a file system of a kind on a loop device.
func Loop(fs FS) Capability {
	return Capability{fs.Name + " on a loop device (root, mkfs." + fs.Type + ")", loopProbe(fs)}
}

var (
	probes   = map[string]func() error{}
	probesMu sync.Mutex
)

// loopProbe makes, mounts and unmounts a file system, once for each kind.
func loopProbe(fs FS) func() error {
	probesMu.Lock()
	defer probesMu.Unlock()
	if probes[fs.Name] == nil {
		probes[fs.Name] = sync.OnceValue(func() error { return tryLoop(fs) })
	}
	return probes[fs.Name]
}

func tryLoop(fs FS) error {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "image")
	if err := fs.Make(image, 0); err != nil {
		return err
	}
	m, err := fs.Mount(image, filepath.Join(dir, "mnt"))
	if err != nil {
		return err
	}
	return m.Close()
}

// Overlay is an overlay file system.
var Overlay = Capability{"overlayfs (root)", sync.OnceValue(tryOverlay)}

func tryOverlay() error {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, d := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", dir)
	m, err := MountAt("overlay", filepath.Join(dir, "merged"), "overlay", options)
	if err != nil {
		return err
	}
	return m.Close()
}

// Need skips the test without one of the capabilities; where TXCOMMIT_REQUIRE is "all", it fails.
func Need(t testing.TB, all ...Capability) {
	t.Helper()
	for _, c := range all {
		err := c.Check()
		if err == nil {
			continue
		}
		why := fmt.Sprintf("needs %s: %v", c.name, err)
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
}
