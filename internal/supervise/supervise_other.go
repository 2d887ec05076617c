//go:build !linux || !(amd64 || arm64)

package supervise

import (
	"errors"
	"fmt"
	"runtime"
)

// Supported returns an error that wraps errors.ErrUnsupported.
func Supported() error {
	return fmt.Errorf("supervise on %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// Run returns the error of Supported.
func Run(Fault, Options, ...string) (Result, error) {
	return Result{}, Supported()
}
