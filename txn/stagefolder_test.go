//go:build unix

package txn_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// TestPublish fills a stage folder and publishes it: new files are linked and not copied, equal ones are not touched, and
// everything else goes. Afterwards nothing of the folder is left.
func TestPublish(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "out/gone"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "out/same"), []byte("same"), 0o644))
	must(t, os.Chmod(filepath.Join(root, "out"), fs.ModeSetgid|0o750))
	st, err := txn.Open(ctx, root, nil)
	must(t, err)
	stage, err := st.StageFor(ctx, "./out/")
	must(t, err)
	if i := mustStat(t, stage.Dir()); i.Mode() != fs.ModeDir|fs.ModeSetgid|0o750 {
		t.Errorf("the stage folder has mode %v, want that of the target", i.Mode())
	}
	must(t, os.WriteFile(filepath.Join(stage.Dir(), "same"), []byte("same"), 0o644))
	must(t, os.WriteFile(filepath.Join(stage.Dir(), "new"), []byte("new"), 0o644))
	made, same := mustStat(t, filepath.Join(stage.Dir(), "new")), mustStat(t, filepath.Join(root, "out/same"))
	must(t, st.Update(ctx, func(tx *txn.Tx) error { return tx.Publish("out", stage) }))
	must(t, stage.Close())
	must(t, st.Close())
	for name, want := range map[string]fs.FileInfo{"new": made, "same": same} {
		if got := mustStat(t, filepath.Join(root, "out", name)); !os.SameFile(got, want) || !got.ModTime().Equal(want.ModTime()) {
			t.Errorf("%s is not the file that it should be", name)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "out/gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("out/gone: %v, want it gone", err)
	}
	wantEmpty(t, filepath.Join(root, ".txcommit/stage"))
}

// TestPublishAgain publishes the same with an id that was committed before: nothing is done, wherever it was made.
func TestPublishAgain(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	st, err := txn.Open(ctx, root, nil)
	must(t, err)
	for _, want := range []bool{false, true} {
		stage, err := st.StageFor(ctx, "out")
		must(t, err)
		must(t, os.WriteFile(filepath.Join(stage.Dir(), "f"), []byte("f"), 0o644))
		tx, err := st.Begin(ctx)
		must(t, err)
		must(t, errors.Join(tx.SetID("release 1"), tx.Publish("out", stage)))
		res, err := tx.Commit(ctx)
		if err != nil || res.Repeated != want {
			t.Errorf("Commit = %+v, %v, want Repeated %v", res, err, want)
		}
		must(t, stage.Close())
	}
	must(t, st.Close())
}

// TestStageForNothing asks for stage folders that cannot be published, and closes one that nobody needs: where there was no
// store there is none, and where there was one nothing is left in it.
func TestStageForNothing(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o644))
	must(t, os.Symlink("..", filepath.Join(root, "up")))
	st, err := txn.Open(ctx, root, &txn.Options{Progress: func(p txn.Progress) { t.Errorf("progress of nothing: %+v", p) }})
	must(t, err)
	for path, want := range map[string]error{
		"": fs.ErrInvalid, "../x": fs.ErrInvalid, ".txcommit/x": fs.ErrInvalid, "up/x": txn.ErrEscapes, "file/x": nil,
	} {
		if _, err := st.StageFor(ctx, path); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	stage, err := st.StageFor(ctx, "x")
	must(t, err)
	if empty, err := stage.Empty(); !empty || err != nil {
		t.Errorf("Empty = %v, %v, want true", empty, err)
	}
	must(t, os.Remove(stage.Dir()))
	if empty, err := stage.Empty(); !empty || err != nil {
		t.Errorf("Empty = %v, %v, want true where it is gone", empty, err)
	}
	must(t, stage.Close())
	must(t, st.Close())
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := st.StageFor(ctx, "x"); !errors.Is(err, txn.ErrClosed) {
		t.Errorf("in a closed store: %v, want %v", err, txn.ErrClosed)
	}
	reader, err := txn.Open(ctx, root, &txn.Options{ReadOnly: true})
	must(t, err)
	if _, err := reader.StageFor(ctx, "x"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read-only: %v, want %v", err, fs.ErrPermission)
	}
	must(t, reader.Close())
}

func mustStat(t *testing.T, name string) fs.FileInfo {
	t.Helper()
	i, err := os.Lstat(name)
	must(t, err)
	return i
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%s holds %v, %v, want nothing", dir, entries, err)
	}
}
