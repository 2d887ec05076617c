package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// signalReader sends this process a signal when it is read, and then blocks: a terminal at which somebody presses ^C.
type signalReader struct {
	sig  os.Signal
	done chan struct{}
}

func (r signalReader) Read([]byte) (int, error) {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(r.sig)
	}
	if err != nil {
		return 0, err
	}
	<-r.done
	return 0, errors.New("test is over")
}

// TestSignals checks that a signal ends a read that blocks, and that the exit code and the one JSON object tell which.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatal("needs a system on which a process can send itself these signals")
		}
		t.Skip("needs a system on which a process can send itself these signals")
	}
	tests := []struct {
		sig  os.Signal
		want int
	}{
		{os.Interrupt, 130},
		{syscall.SIGTERM, 143},
	}
	for _, tt := range tests {
		t.Run(tt.sig.String(), func(t *testing.T) {
			stdin := signalReader{tt.sig, make(chan struct{})}
			defer close(stdin.done)
			var stdout, stderr bytes.Buffer
			got := run([]string{"apply", "-", "-o", "json", "-C", t.TempDir()}, stdin, &stdout, &stderr)
			if got != tt.want || !strings.HasPrefix(stdout.String(), `{"result":"interrupted",`) {
				t.Errorf("run = %d and %s, want %d and interrupted", got, &stdout, tt.want)
			}
			if want := "txcommit: interrupted: nothing was committed\n"; stderr.String() != want {
				t.Errorf("standard error: %q, want %q", &stderr, want)
			}
		})
	}
}

// TestUsageErrors checks that every mistake in a command line is exit 64, names where to read on, and is one JSON object
// if JSON was asked for, wherever that stands.
func TestUsageErrors(t *testing.T) {
	tests := []struct{ args, message, hint string }{
		{"", "no command given", "help"},
		{"frobnicate", "unknown command", "help"},
		{"--frobnicate", "unknown flag: --frobnicate", "help"},
		{"apply", "MANIFEST: missing argument", "help apply"},
		{"apply a b", "b: unexpected argument", "help apply"},
		{"apply --frobnicate a", "unknown flag: --frobnicate", "help apply"},
		{"apply --history many a", "must be a number of transactions, up to 65535", "help apply"},
		{"apply --history x a", "must be a number", "help apply"},
		{"apply --jobs -1 a", "--jobs", "help apply"},
		{"apply --durability none a", "must be one of sync, process", "help apply"},
		{"apply --symlinks none a", "must be one of follow, replace, refuse", "help apply"},
		{"apply --progress none a", "must be one of auto, always, never", "help apply"},
		{"apply --color none a", "must be one of auto, always, never", "help apply"},
		{"apply --lock-timeout none a", "--lock-timeout", "help apply"},
		{"apply --root= a", "--root: argument is empty", "help apply"},
		{"sync a", "PATH: missing argument", "help sync"},
		{"status a", "a: unexpected argument", "help status"},
		{"version a", "a: unexpected argument", "help version"},
		{"recover a", "a: unexpected argument", "help recover"},
		{"recover --abandon=", "--abandon: the id is empty", "help recover"},
		{"recover --abandon a --rebuild", "only one of them", "help recover"},
		{"help frobnicate", "frobnicate: no such help topic", "help"},
		{"help apply more", "apply more: no such help topic", "help"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			a, stdout, stderr := newTestApp("")
			got := a.execute(context.Background(), append(strings.Fields(tt.args), "--output=json"))
			if got != exitUsage || !strings.Contains(stdout.String(), `"kind":"usage"`) || strings.Count(stdout.String(), "\n") != 1 {
				t.Errorf("exit code %d and %s, want %d and one JSON object about usage", got, stdout, exitUsage)
			}
			message, hint, _ := strings.Cut(stderr.String(), "\n")
			if !strings.Contains(message, tt.message) || hint != "hint: see 'txcommit "+tt.hint+"'\n" {
				t.Errorf("standard error: %q, want %q and a hint to %q", stderr, tt.message, tt.hint)
			}
		})
	}
}

// TestHelp checks that each command explains itself, with examples, as text and as one JSON object.
func TestHelp(t *testing.T) {
	root, _, _ := newTestApp("text")
	for _, cmd := range root.rootCommand().Commands() {
		name := cmd.Name()
		if !cmd.Runnable() {
			continue // a topic
		}
		for _, args := range [][]string{{"help", name}, {name, "--help"}} {
			a, stdout, _ := newTestApp("text")
			if code := a.execute(context.Background(), args); code != exitOK || !strings.Contains(stdout.String(), "Examples:") {
				t.Errorf("%q: exit code %d, want 0 and examples, got %s", args, code, stdout)
			}
			a, stdout, _ = newTestApp("")
			if code := a.execute(context.Background(), append(args, "-o", "json")); code != exitOK ||
				!strings.HasPrefix(stdout.String(), `{"help":"`) {
				t.Errorf("%q: exit code %d, want 0 and JSON, got %s", args, code, stdout)
			}
		}
	}
}
