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
	starter  *starter
	deadline time.Time // the target was killed long enough ago to give up
	res      *Result

	probing bool       // the starter's own calls are what counts
	early   []*request // of the target, received before its process id was known
}

// awaitStart serves the starter until it is done, and returns what came of it.
// The target's first calls wait meanwhile: who it is is not known yet.
func (s *supervisor) awaitStart() error {
	// Switch between target and supervisor without a detour over another CPU.
	// Linux 6.6; a matter of speed, so an error does not matter.
	_ = unix.IoctlSetInt(s.starter.listener, unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
	for {
		req, err := s.next(true)
		switch {
		case err != nil:
			return err
		case req == nil:
			<-s.starter.done
			return s.starter.err
		case s.probing:
			s.serve(req)
		case int(req.pid) == s.starter.tid || !s.countable(req):
			s.resume(req)
		default:
			s.early = append(s.early, req)
		}
	}
}

// countable reports whether a request counts. A child whose exec fails says so
// through a pipe, which does not.
func (s *supervisor) countable(req *request) bool {
	return s.options.counts(thread(req.pid), watchedByNr()[uint32(req.data.nr)], req.data.args)
}

// loop serves requests until no process has the filter any more.
func (s *supervisor) loop() error {
	for {
		req, err := s.nextOfTarget()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case int(req.pid) == s.starter.tid: // on its way out
			s.resume(req)
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

// nextOfTarget is next for the time after the start.
func (s *supervisor) nextOfTarget() (*request, error) {
	if len(s.early) > 0 {
		req := s.early[0]
		s.early = s.early[1:]
		return req, nil
	}
	return s.next(false)
}

// next returns the next request, or io.EOF after the end of the last process.
// With starting it returns nil when the starter is done.
func (s *supervisor) next(starting bool) (*request, error) {
	pfd := []unix.PollFd{
		{Fd: int32(s.starter.listener), Events: unix.POLLIN},
		{Fd: int32(s.starter.ready), Events: unix.POLLIN},
	}
	if !starting {
		pfd = pfd[:1]
	}
	for {
		left := time.Until(s.deadline)
		if left <= 0 {
			return nil, fmt.Errorf("supervise: descendants of %s survive its kill", s.target.name())
		}
		n, err := unix.Poll(pfd, int(left.Milliseconds())+1)
		switch {
		case err == unix.EINTR || err == nil && n == 0:
			continue
		case err != nil:
			return nil, fmt.Errorf("supervise: poll listener: %w", err)
		case starting && pfd[1].Revents != 0:
			return nil, nil
		case pfd[0].Revents&unix.POLLIN == 0: // POLLHUP
			return nil, io.EOF
		}
		var req request
		err = receive(s.starter.listener, &req)
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
		s.settle(req, call)
	}
}

// settle lets a call that the fault does not strike go on, unless it is one
// that fails on every run.
func (s *supervisor) settle(req *request, call Call) {
	if s.fault.Refuse != nil {
		if errno := s.fault.Refuse(call); errno != 0 {
			s.refuse(req, errno)
			return
		}
	}
	s.resume(req)
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
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(s.starter.listener), unix.SECCOMP_IOCTL_NOTIF_SEND,
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
