//go:build linux

package live

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/internal/fsys"
)

// TestSyncAfterShutdown changes a folder, and a file, of a file system that then gives up and forgets that: a sync must not
// say that it is durable. XFS does say so of a folder (seen with Linux 6.18).
func TestSyncAfterShutdown(t *testing.T) {
	for _, fs := range []sandbox.FS{sandbox.Ext4, sandbox.XFS} {
		t.Run(fs.Name, func(t *testing.T) {
			needs(t, fs)
			temp := sandbox.TempDir(t, "sync-")
			image, at := filepath.Join(temp, "image"), filepath.Join(temp, "mnt")
			if err := fs.Make(image, 0); err != nil {
				t.Fatal(err)
			}
			m, err := fs.Mount(image, at)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			})
			d, err := fsys.OpenDir(at)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			f, err := d.Create("f", 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			err = errors.Join(d.Mkdir("x", 0o700), os.WriteFile(filepath.Join(at, "f"), []byte("f"), 0o600), shutdownAt(at, noLogFlush))
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"folder": d.Sync(), "file": fsys.SyncFile(f), "file system": d.SyncFS()} {
				if !errors.Is(err, unix.EIO) {
					t.Errorf("sync of the %s: %v, want EIO", what, err)
				}
			}
		})
	}
}
