//go:build amd64 || arm64

package supervise

import (
	"fmt"
	"io"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A request is struct seccomp_notif of seccomp_unotify(2): a thread of the
// target is blocked in a watched call.
type request struct {
	id    uint64
	pid   uint32 // of the thread
	flags uint32
	data  struct {
		nr   int32
		arch uint32
		ip   uint64
		args [6]uint64
	}
}

// A response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	errno int32 // negative
	flags uint32
}

// A supervisor serves the requests of one target and its descendants.
type supervisor struct {
	target   *target
	fault    Fault
	options  Options
	listener int
	deadline time.Time // the target was killed long enough ago to give up
	res      *Result
}

// loop serves requests until no process has the filter any more.
func (s *supervisor) loop() error {
	// Switch between target and supervisor without a detour over another CPU.
	// Linux 6.6; a matter of speed, so an error does not matter.
	_ = unix.IoctlSetInt(s.listener, unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	for {
		req, err := s.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case s.target.isDying():
			kill(req)
		default:
			s.serve(req)
		}
	}
}

// kill kills the process that made a call at or after the kill of the group: a
// member that is not dead yet, or a descendant that left the group. The call
// gets no answer.
func kill(req *request) {
	if req.pid != 0 { // 0: not visible from this pid namespace
		_ = unix.Kill(int(req.pid), unix.SIGKILL)
	}
}

// next returns the next request, or io.EOF after the end of the last process.
func (s *supervisor) next() (*request, error) {
	pfd := []unix.PollFd{{Fd: int32(s.listener), Events: unix.POLLIN}}
	for {
		left := time.Until(s.deadline)
		if left <= 0 {
			return nil, fmt.Errorf("supervise: descendants of %s survive its kill", s.target.cmd.Args[0])
		}
		n, err := unix.Poll(pfd, int(left.Milliseconds())+1)
		switch {
		case err == unix.EINTR || err == nil && n == 0:
			continue
		case err != nil:
			return nil, fmt.Errorf("supervise: poll listener: %w", err)
		case pfd[0].Revents&unix.POLLIN == 0: // POLLHUP
			return nil, io.EOF
		}
		var req request
		err = receive(s.listener, &req)
		switch err {
		case nil:
			return &req, nil
		case unix.ENOENT, unix.EINTR: // the thread was killed or interrupted before we came
		default:
			return nil, fmt.Errorf("supervise: receive notification: %w", err)
		}
	}
}

// serve counts one call, if it counts, and answers it, unless it kills.
func (s *supervisor) serve(req *request) {
	call, ok := s.count(req)
	if !ok {
		s.resume(req)
		return
	}
	hit := call.N == s.fault.At
	if hit {
		s.res.Hit = &call
		s.strike(call)
	}
	switch {
	case s.target.isDying(): // by strike, or the timeout during Stop
		kill(req)
	case s.fault.covers(call.N):
		s.refuse(req, s.fault.Errno)
	default:
		s.resume(req)
	}
}

// count returns the call with its number, or false if it does not count.
func (s *supervisor) count(req *request) (call Call, counted bool) {
	t := thread(req.pid)
	w := watchedByNr()[uint32(req.data.nr)]
	if !s.options.counts(t, w, req.data.args) {
		return call, false
	}
	call = Call{N: s.res.Calls + 1, Name: w.name, Nr: int(req.data.nr), Args: req.data.args}
	if s.fault.Match != nil || s.options.Trace || call.N == s.fault.At {
		call.FD, call.Path = t.describe(w, call.Args)
	}
	if s.fault.Match != nil && !s.fault.Match(call) {
		return call, false
	}
	s.res.Calls = call.N
	if s.options.Trace {
		s.res.Trace = append(s.res.Trace, call)
	}
	return call, true
}

// strike does what can be done while the call stays blocked.
func (s *supervisor) strike(call Call) {
	if s.fault.Stop != nil {
		s.fault.Stop(call)
	}
	if s.fault.Signal != 0 {
		s.target.signal(s.fault.Signal)
	}
	if s.fault.Kill {
		s.target.signal(unix.SIGKILL)
	}
}

// resume lets the call go on.
func (s *supervisor) resume(req *request) {
	s.answer(response{id: req.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE})
}

// refuse makes the call return errno without being executed.
func (s *supervisor) refuse(req *request, errno syscall.Errno) {
	s.answer(response{id: req.id, errno: -int32(errno)})
}

// answer ignores the only possible error, ENOENT: the thread died meanwhile.
func (s *supervisor) answer(r response) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(s.listener), unix.SECCOMP_IOCTL_NOTIF_SEND,
		uintptr(unsafe.Pointer(&r)))
}

// receive reads a request into req, which must be zero.
func receive(listener int, req *request) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV,
		uintptr(unsafe.Pointer(req)))
	if errno != 0 {
		return errno
	}
	return nil
}
