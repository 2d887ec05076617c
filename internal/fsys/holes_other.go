//go:build !linux

package fsys

import "os"

// NextData is not known here: ErrUnsupported.
func NextData(*os.File, int64) (from, to int64, err error) { return 0, 0, ErrUnsupported }
