//go:build amd64 || arm64

package supervise

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// A starter is the thread that becomes the parent of the target: a child
// inherits the filter of the thread that forks it. A filter cannot be taken off
// again, so the thread is used for nothing else and ends after the start.
//
// The runtime forks new threads from a clean one where a goroutine has locked
// its own, so the filter does not spread in this process. It may still write to
// its eventfd on the thread, which is why someone must serve the listener from
// the beginning.
type starter struct {
	tid      int // thread id, which is never that of a request of the target
	listener int
	ready    int // eventfd, readable when the job is done
	done     chan struct{}
	err      error // of the job, once done is closed
}

// startWith installs prog on a fresh thread and runs job there. When it returns,
// job may not have run yet; the ready descriptor tells.
func startWith(prog []unix.SockFilter, job func() error) (*starter, error) {
	ready, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &starter{ready: ready, done: make(chan struct{})}
	installed := make(chan error)
	go onFreshThread(func() {
		s.tid = unix.Gettid()
		var err error
		s.listener, err = install(prog)
		installed <- err
		if err != nil {
			return
		}
		s.err = job()
		close(s.done)
		_, _ = unix.Write(ready, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // seen by the listener, too
	})
	if err := <-installed; err != nil {
		unix.Close(ready)
		return nil, err
	}
	return s, nil
}

// onFreshThread runs f on a thread that ends with it. The main thread cannot
// end: if it is the one at hand, it is kept busy while another one is found.
func onFreshThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // without unlocking, which ends the thread
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onFreshThread(f)
	}()
	<-done
	runtime.UnlockOSThread()
}

func (s *starter) close() {
	unix.Close(s.listener)
	unix.Close(s.ready)
}
