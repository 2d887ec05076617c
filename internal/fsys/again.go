package fsys

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// again repeats a call that the system could not serve at that moment, a few times with growing pauses: too many open
// files, or something that another process is just using. It is for calls that do all or nothing, where a try that has
// failed leaves no trace; never for a sync, whose failure has already thrown away what the next one would look for.
func again(call func() error) error {
	for pause := time.Millisecond; ; pause *= 2 {
		err := uninterrupted(call)
		if !passing(err) || pause > longestPause {
			return err
		}
		time.Sleep(pause)
	}
}

// uninterrupted repeats a call that a signal has interrupted.
func uninterrupted(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// OpenFile opens a file at an operating system path for reading, following links. It does not wait for the other end of
// a FIFO.
func OpenFile(path string) (f *os.File, err error) {
	err = again(func() error {
		f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		return err
	})
	return f, err
}

// OpenRoot opens a folder for package os.
func OpenRoot(path string) (r *os.Root, err error) {
	err = again(func() error {
		r, err = os.OpenRoot(path)
		return err
	})
	return r, err
}

// bare takes the errno out of what package os returns.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
