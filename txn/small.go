package txn

import (
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

func copyTo(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, r) }

// removeEmpty removes the folder at an operating system path unless something is in it. A link that leads to a folder
// stays.
func removeEmpty(path string) error {
	d, err := fsys.OpenDir(filepath.Dir(path))
	if err != nil {
		return recovery.PathErrno("remove", path, err)
	}
	defer d.Close()
	err = ignoreNotEmpty(d.Rmdir(filepath.Base(path)))
	if errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return recovery.PathErrno("remove", path, err)
}

func ignoreNotEmpty(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
