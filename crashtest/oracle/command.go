package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// limit is how long a command may take: a dead file server would hang it for good.
const limit = 60 * time.Second

// Runner runs the command with arguments, and returns what it wrote to stdout, and its exit code.
type Runner func(args ...string) (out []byte, exit int, err error)

// Process runs each command in a process of its own. One that dies is an error, with what it wrote to stderr.
func Process(exe string) Runner {
	return func(args ...string) (out []byte, exit int, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, exe, args...)
		cmd.WaitDelay, cmd.Stdout, cmd.Stderr = time.Second, &stdout, &stderr
		err = cmd.Run()
		if ctx.Err() != nil {
			return nil, 0, tooLong(args)
		}
		const panicked = 2 // as a Go program ends then; only plan has a use for it, which is not run here
		e, exited := errors.AsType[*exec.ExitError](err)
		if exited = exited && e.Exited() && e.ExitCode() != panicked; err != nil && !exited {
			return nil, 0, fmt.Errorf("%q: the process died: %w\n%s", args, err, stderr.String())
		}
		return stdout.Bytes(), cmd.ProcessState.ExitCode(), nil
	}
}

func tooLong(args []string) error { return fmt.Errorf("%s: not done after %v", args[0], limit) }

// Served runs one command after the other in one process: to start it is half of the work of most. It is the same binary,
// which bin.Build has taught that, and each is all that a process does from its arguments to its exit code. One command
// in seven has a process of its own all the same: of two that take turns, as a recovery and the one that finds nothing to do
// after it, now one and now the other.
type Served struct {
	exe string
	n   int

	cmd    *exec.Cmd // nil while there is none
	in     io.WriteCloser
	out    *json.Decoder
	stderr strings.Builder
}

// Serve returns a Served that starts its process when it is first needed. Close follows.
func Serve(exe string) *Served { return &Served{exe: exe} }

// Run is a Runner. It is for one goroutine at a time.
func (s *Served) Run(args ...string) (out []byte, exit int, err error) {
	own := 7
	if exe := os.Getenv("TXCOMMIT_BINARY"); exe == s.exe {
		own = 1 // it comes from elsewhere
	}
	if s.n++; s.n%own == 0 {
		return Process(s.exe)(args...)
	}
	if err := s.start(); err != nil {
		return nil, 0, err
	}
	process := s.cmd.Process
	late := time.AfterFunc(limit, func() { _ = process.Kill() })
	var answer struct {
		Exit int    `json:"exit"`
		Out  []byte `json:"out"`
	}
	err = json.NewEncoder(s.in).Encode(args)
	if err == nil {
		err = s.out.Decode(&answer)
	}
	if !late.Stop() {
		return nil, 0, errors.Join(tooLong(args), s.Close())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%q: the process died: %w\n%s", args, errors.Join(err, s.Close()), s.stderr.String())
	}
	return answer.Out, answer.Exit, nil
}

func (s *Served) start() error {
	if s.cmd != nil {
		return nil
	}
	cmd := exec.Command(s.exe)
	cmd.Env = append(os.Environ(), "TXCOMMIT_SERVED=1")
	cmd.WaitDelay = time.Second
	s.stderr.Reset()
	cmd.Stderr = &s.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.in, s.out = cmd, in, json.NewDecoder(out)
	return nil
}

// Close ends the process, if there is one.
func (s *Served) Close() error {
	if s.cmd == nil {
		return nil
	}
	err := errors.Join(s.in.Close(), s.cmd.Wait())
	s.cmd = nil
	return err
}
