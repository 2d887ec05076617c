package txn

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/errors"
)

func copyTo(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, r) }

// removeEmpty removes a folder unless something is in it.
func removeEmpty(path string) error {
	return ignoreNotEmpty(os.Remove(path))
}

func ignoreNotEmpty(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
