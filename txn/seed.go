package txn

import (
	"context"
	"io/fs"
	"path"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
)

// Seed copies what is at the target now into the stage folder: files, links and folders with their modes and times.
// Nothing is linked, so that what a program writes into a copy never changes the tree; where the file system can, a copy
// shares its blocks with the original until then. Other stores below the target are left out, as Publish leaves them
// alone. The copy is made in a View: it shows no half of a transaction. A target that is no folder seeds nothing.
func (f *StageFolder) Seed(ctx context.Context) error {
	return f.store.View(ctx, func(tree fs.FS) error {
		i, err := fs.Stat(tree, f.target)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !i.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		c := &seeding{StageFolder: f, tree: tree}
		if err := fs.WalkDir(tree, f.target, c.enter); err != nil {
			return err
		}
		if err := parallel(ctx, f.store.jobs(), len(c.files), func(i int) error { return c.copyFile(c.files[i]) }); err != nil {
			return err
		}
		for _, e := range slices.Backward(c.folders) { // with the times that filling them has changed
			if err := c.dress(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// seeding is one run of Seed.
type seeding struct {
	*StageFolder
	tree           fs.FS
	files, folders []seed
}

// seed is something that is copied.
type seed struct {
	from string // in the tree
	to   string // in the stage folder
	info fs.FileInfo
}

// enter makes folders and links, and notes files.
func (c *seeding) enter(from string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	i, err := d.Info()
	if err != nil {
		return err
	}
	s := seed{from: from, to: c.name, info: i}
	if from == c.target {
		c.folders = append(c.folders, s)
		return nil
	}
	s.to = path.Join(c.name, relativeTo(from, c.target))
	switch {
	case d.IsDir() && journal.IsOuter(d.Name()):
		return fs.SkipDir
	case d.IsDir():
		if _, err := fs.Lstat(c.tree, path.Join(from, journal.StateFolder)); err == nil {
			return fs.SkipDir
		}
		c.folders = append(c.folders, s)
		return recovery.PathErrno("mkdir", from, c.stage.dir.Mkdir(s.to, 0o700))
	case d.Type() == fs.ModeSymlink:
		target, err := fs.ReadLink(c.tree, from)
		if err == nil {
			err = recovery.PathErrno("symlink", from, c.stage.dir.Symlink(target, s.to))
		}
		if err != nil {
			return err
		}
		return recovery.PathErrno("copy", from, c.stage.dir.SetMtime(s.to, i.ModTime().UnixNano()))
	case !d.Type().IsRegular():
		return &fs.PathError{Op: "copy", Path: from, Err: errors.New("is a special file (FIFO, socket or device)")}
	}
	c.files = append(c.files, s)
	return nil
}

// copyFile copies content, mode and time. The kernel shares the blocks where it can; holes stay holes.
func (c *seeding) copyFile(s seed) error {
	src, err := c.tree.Open(s.from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := c.stage.dir.Create(s.to, 0o600)
	if err != nil {
		return recovery.PathErrno("copy", s.from, err)
	}
	defer dst.Close()
	if err := new(progress).copy(dst, src, s.info.Size()); err != nil {
		return recovery.PathErrno("copy", s.from, bareErrno(withoutName(dst, err)))
	}
	if err := fsys.ChmodFile(dst, fsys.Bits(s.info.Mode())); err != nil {
		return recovery.PathErrno("copy", s.from, err)
	}
	return recovery.PathErrno("copy", s.from, c.stage.dir.SetMtime(s.to, s.info.ModTime().UnixNano()))
}

// dress gives a folder mode and time.
func (c *seeding) dress(s seed) error {
	d, err := c.stage.dir.Beneath(s.to)
	if err == nil {
		err = fsys.ChmodFile(d.Handle(), fsys.Bits(s.info.Mode()))
		_ = d.Close()
	}
	if err == nil {
		err = c.stage.dir.SetMtime(s.to, s.info.ModTime().UnixNano())
	}
	return recovery.PathErrno("copy", s.from, err)
}
