//go:build !linux

package fsys

import "os"

// Space is missing here: ErrUnsupported.
func (d *Dir) Space() (Space, error) { return Space{}, ErrUnsupported }

// Clone is missing here: ErrUnsupported.
func Clone(*os.File, *os.File) error { return ErrUnsupported }
