package supervise

import (
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"
)

// Forever as Fault.Until makes every call from Fault.At on fail.
const Forever = math.MaxInt

// defaultTimeout is used where Options.Timeout is zero.
const defaultTimeout = 60 * time.Second

// Fault says what happens to the target, and when. The zero Fault only counts.
//
// At call number At, Stop runs first, then Signal is sent, then the call is
// prevented by Kill or else by Errno; without either it goes on.
type Fault struct {
	// At is the 1-based number of the counted call; 0 never strikes.
	At int
	// Until is, with Errno, the last call that fails too. 0 means At alone,
	// Forever all calls from At on.
	Until int
	// Errno is what the call returns instead of being executed.
	Errno syscall.Errno
	// Kill sends SIGKILL to the target's process group. The call is never
	// executed; calls of other threads that were let go before may still finish.
	Kill bool
	// Signal is sent to the target's process group, as a terminal's ^C would
	// be. The call then goes on, unless the signal is fatal. When a handler
	// sees the signal is up to the target's scheduler.
	Signal syscall.Signal
	// Refuse, if set, is asked about every counted call. If it returns an errno,
	// the call returns that instead of being executed. It sees neither FD nor
	// Path, and does not affect the count; what happens at At comes first.
	Refuse func(Call) syscall.Errno
	// Match, if set, limits counting to the calls for which it returns true.
	// It sees FD and Path, and in N the number the call would get.
	Match func(Call) bool
	// Stop, if set, runs at At on the goroutine that called Run, so it may call
	// t.Fatal, or Run for another target. Until it returns the target stays
	// blocked in the call, and its other threads block in their next one, so
	// waiting here for progress of the target lasts until the timeout kills it.
	Stop func(Call)
}

// covers reports whether call n fails with Errno.
func (f Fault) covers(n int) bool {
	return f.Errno != 0 && f.At > 0 && n >= f.At && n <= max(f.At, f.Until)
}

// Call is one system call of the target.
type Call struct {
	N    int       // number in the count, from 1
	Name string    // such as "renameat2"
	Nr   int       // number of the system call on this architecture
	Args [6]uint64 // raw arguments

	// FD is where the first descriptor argument points (a path, or a form like
	// "pipe:[7]"); empty without one, for AT_FDCWD, and if it cannot be read.
	FD string
	// Path holds the path arguments as the target passed them, two of them
	// joined by " -> "; empty if they cannot be read.
	//
	// FD and Path are filled in for Match, Stop, Result.Hit and Result.Trace.
	Path string
}

// String returns the number, name, descriptor and paths of c on one line. It
// leaves the raw arguments out, so that runs can be compared.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", c.N, c.Name)
	if c.FD != "" {
		fmt.Fprintf(&b, " fd=%s", c.FD)
	}
	if c.Path != "" {
		fmt.Fprintf(&b, " path=%s", c.Path)
	}
	return b.String()
}

// Options are the surroundings of the target. The zero Options is ready to use.
type Options struct {
	Dir     string        // working directory; empty means the caller's
	Env     []string      // environment; nil means the caller's
	Stdin   []byte        // standard input
	Timeout time.Duration // then the target is killed; 0 means 60 s
	Trace   bool          // keep every counted call in Result.Trace
	All     bool          // count opens that neither create nor truncate too
}

// timeout returns o.Timeout or its default.
func (o Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return defaultTimeout
	}
	return o.Timeout
}

// Result is what became of the target.
type Result struct {
	Calls          int            // counted calls, up to and including one that killed
	Hit            *Call          // the call numbered Fault.At; nil if it was not reached
	ExitCode       int            // exit code of the target; -1 when killed by a signal
	Signal         syscall.Signal // the signal that killed it, else 0
	Stdout, Stderr []byte         // what the target and its descendants printed
	Trace          []Call         // with Options.Trace
}
