//go:build unix

package txcommit_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// jobs are what a worker process does over and over until its standard input ends: each call is one transaction, which
// the worker acknowledges with a line. A worker does one in any case.
var jobs = map[string]func(st *txn.Store, rng *rand.Rand, token string) error{
	"mix":   mixOnce,
	"write": writeOnce,
	"hold":  func(st *txn.Store, _ *rand.Rand, token string) error { return st.Update(ctx, put("held", token)) },
}

// work is a worker process: its arguments are the root and the worker's name. "write" is done by ten goroutines, once.
func work(job string) int {
	root, name := os.Args[1], os.Args[2]
	st, err := txn.Open(ctx, root, &txn.Options{LockTimeout: lockTimeout})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: Open: %v\n", name, err)
		return 1
	}
	if job == "write" {
		err = writeTen(st, name)
	} else {
		err = workOn(st, jobs[job], name)
	}
	if cerr := st.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

func workOn(st *txn.Store, do func(*txn.Store, *rand.Rand, string) error, name string) error {
	var stop atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	rng := rand.New(rand.NewPCG(uint64(len(name)), uint64(os.Getpid())))
	for n := 0; n == 0 || !stop.Load(); n++ {
		if err := do(st, rng, fmt.Sprintf("%s-%d", name, n)); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString("ack\n"); err != nil {
			return err
		}
	}
	return nil
}

// crew is a number of worker processes on one root. As many as told are killed, each at a random moment, and replaced.
type crew struct {
	t         *testing.T
	root, job string
	stop      chan struct{} // closed to let the workers end
	once      sync.Once

	mu    sync.Mutex
	rng   *rand.Rand
	spare int // how many more are to be killed
	kills int
	acks  atomic.Int64
	wait  sync.WaitGroup
}

// hire starts n workers, and will kill as many as kills says.
func hire(t *testing.T, rng *rand.Rand, root, job string, n, kills int) *crew {
	c := &crew{t: t, root: root, job: job, rng: rand.New(rand.NewPCG(rng.Uint64(), 0)), spare: kills, stop: make(chan struct{})}
	t.Cleanup(c.dismiss)
	for slot := range n {
		c.wait.Go(func() {
			for i := 0; c.shift(fmt.Sprintf("%s%d.%d", job, slot, i)) && !c.stopped(); i++ {
			}
		})
	}
	return c
}

// dismiss lets the workers end, each within its lock timeout and some grace.
func (c *crew) dismiss() {
	c.once.Do(func() {
		close(c.stop)
		c.wait.Wait()
		c.t.Logf("%s: %d transactions acknowledged by processes, %d processes killed", c.job, c.acks.Load(), c.kills)
	})
}

func (c *crew) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// fate says after how many acknowledgements, and how much later, a worker is killed; -1 for never.
func (c *crew) fate() (acks int, later time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spare == 0 {
		return -1, 0
	}
	c.spare--
	return c.rng.IntN(4), time.Duration(c.rng.IntN(60)) * time.Millisecond
}

// shift runs one worker to its end and says whether it was killed.
func (c *crew) shift(name string) (killed bool) {
	cmd, stdin, stdout, stderr := c.start(name)
	if cmd == nil {
		return false
	}
	ended := make(chan struct{})
	go c.overlook(name, cmd, stdin, ended)
	last, later := c.fate()
	kill := func() { time.AfterFunc(later, func() { _ = cmd.Process.Kill() }) }
	if last == 0 {
		kill()
	}
	lines := bufio.NewScanner(stdout)
	for n := 1; lines.Scan(); n++ {
		c.acks.Add(1)
		if n == last {
			kill()
		}
	}
	err := cmd.Wait()
	close(ended)
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGKILL && last >= 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.kills++
		return true
	}
	if err != nil {
		c.t.Errorf("worker %s: %v\n%s", name, err, stderr)
	}
	return false
}

func (c *crew) start(name string) (cmd *exec.Cmd, stdin io.Closer, stdout io.Reader, stderr *bytes.Buffer) {
	cmd = exec.Command(self, c.root, name)
	cmd.Env = append(os.Environ(), workerEnv+"="+c.job)
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		stdout, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.t.Errorf("start worker %s: %v", name, err)
		return nil, nil, nil, nil
	}
	return cmd, stdin, stdout, stderr
}

// overlook tells a worker to end when the crew is dismissed. One that does not is stopped with a dump of its goroutines.
func (c *crew) overlook(name string, cmd *exec.Cmd, stdin io.Closer, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-c.stop:
		_ = stdin.Close()
	}
	select {
	case <-ended:
	case <-time.After(lockTimeout + grace):
		c.t.Errorf("worker %s has not ended within its lock timeout and %v", name, grace)
		_ = cmd.Process.Signal(syscall.SIGQUIT)
	}
}
