//go:build linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The slow device counts flushes and reports itself, and nothing of it is left: neither its mount points nor its loop
// device.
func TestSlow(t *testing.T) {
	need(t, slowWorks())
	dir := t.TempDir()
	var loop string
	err := onSlow(t.Context(), dir, func(d *device) error {
		loop = filepath.Base(filepath.Dir(d.stat))
		t.Log(d.About)
		if err := d.sync(); err != nil {
			return err
		}
		before, err := d.counters()
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(d.dir, "f"))
		if err != nil {
			return err
		}
		if _, err := f.WriteString("content"); err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		after, err := d.counters()
		if err == nil && after.flushes == before.flushes {
			t.Error("got no flush for an fsync")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v in %s (%v), want nothing", left, dir, err)
	}
	backing, err := os.ReadFile("/sys/block/" + loop + "/loop/backing_file")
	if err == nil && string(backing) == "/"+slowFile+"\n" {
		t.Errorf("%s is still attached to %s", loop, backing)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
