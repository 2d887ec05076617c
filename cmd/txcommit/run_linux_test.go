package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needBuilt returns the built command.
func needBuilt(t *testing.T) string {
	t.Helper()
	bin, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// session is a terminal with a program that runs in a session of its own there.
type session struct {
	*testing.T
	keys *os.File // what is written here is typed
	seen []byte   // what is on the screen
	cmd  *exec.Cmd
}

// newSession starts a program at a new terminal.
func newSession(t *testing.T, env []string, argv ...string) *session {
	t.Helper()
	keys, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err == nil {
		err = unix.IoctlSetPointerInt(keys, unix.TIOCSPTLCK, 0)
	}
	var n int
	if err == nil {
		n, err = unix.IoctlGetInt(keys, unix.TIOCGPTN)
	}
	var screen *os.File
	if err == nil {
		screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs a pseudo terminal: %v", err)
		}
		t.Skipf("needs a pseudo terminal: %v", err)
	}
	s := &session{T: t, keys: os.NewFile(uintptr(keys), "ptmx"), cmd: exec.Command(argv[0], argv[1:]...)}
	t.Cleanup(func() { s.keys.Close() })
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = screen, screen, screen
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen.Close()
	if err := s.keys.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return s
}

// read reads on until text is on the screen. An empty text is never there: it reads to the end.
func (s *session) read(text string) {
	s.Helper()
	var b [4096]byte
	for text == "" || !bytes.Contains(s.seen, []byte(text)) {
		n, err := s.keys.Read(b[:])
		s.seen = append(s.seen, b[:n]...)
		if err != nil && text == "" && (errors.Is(err, syscall.EIO) || err == io.EOF) {
			return // nobody has the terminal open any more
		}
		if err != nil {
			s.Fatalf("waiting for %q: %v; seen:\n%s", text, err, s.seen)
		}
	}
}

func (s *session) press(keys string) {
	s.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.Fatal(err)
	}
}

// end waits for the end and returns the exit code.
func (s *session) end() int {
	s.Helper()
	s.read("")
	_ = s.cmd.Wait() // the code tells
	return s.cmd.ProcessState.ExitCode()
}

// TestRunInterrupted presses ^C: the command gets one SIGINT, not a second one by txcommit, and what it has made is not
// published, even if it then exits with 0. The command waits at a FIFO between the two, so that a second one would show.
func TestRunInterrupted(t *testing.T) {
	bin, dir := needBuilt(t), t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := newSession(t, []string{"FIFO=" + fifo}, bin, "run", "-C", dir, "--path", "out", "--", "sh", "-c",
		`echo x >"$TXCOMMIT_STAGE/x"; trap 'echo [INT]' INT; exec 3<>"$FIFO"; echo [ready]; until read -r l <&3; do :; done; echo [end]`)
	s.read("[ready]")
	s.press("\x03")
	s.read("[INT]")
	if _, err := f.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	code := s.end()
	if n := bytes.Count(s.seen, []byte("[INT]")); n != 1 || code != 130 || !bytes.Contains(s.seen, []byte("[end]")) {
		t.Errorf("%d SIGINT and exit code %d, want 1 and 130; seen:\n%s", n, code, s.seen)
	}
	if names := listing(t, dir); names != "fifo" {
		t.Errorf("left: %s, want the fifo alone", names)
	}
}

// TestRunAsks has a command read from the terminal and turn its echo off: it is given the foreground for that.
func TestRunAsks(t *testing.T) {
	bin, dir := needBuilt(t), t.TempDir()
	s := newSession(t, nil, bin, "run", "-C", dir, "--path", "out", "--", "sh", "-c",
		`stty -echo; echo [who]; read -r x; stty echo; echo "$x" >"$TXCOMMIT_STAGE/x"; echo "[$x]"`)
	s.read("[who]")
	s.press("me\n")
	if code := s.end(); code != 0 || !bytes.Contains(s.seen, []byte("[me]")) || bytes.Count(s.seen, []byte("me")) != 1 {
		t.Errorf("exit code %d, want 0 and what was typed once; seen:\n%s", code, s.seen)
	}
}

// TestRunStopped presses ^Z, before and after the command has been given the terminal. The shell notices each time, and fg
// lets both go on.
func TestRunStopped(t *testing.T) {
	bin, dir := needBuilt(t), t.TempDir()
	child := filepath.Join(dir, "child")
	script := "#!/bin/sh\necho [one]; until read -r x; do :; done; echo [two]; until read -r x; do :; done\n" +
		"echo \"$x\" >\"$TXCOMMIT_STAGE/x\"\n"
	if err := os.WriteFile(child, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, []string{"BIN=" + bin, "DIR=" + dir}, "bash", "-c",
		`set -m; "$BIN" run -C "$DIR" --path out -- "$DIR/child"; echo "[first $?]"; fg; echo "[second $?]"; fg; echo "[code $?]"`)
	s.read("[one]")
	s.press("\x1a")
	s.read("[first 14")
	s.press("a\n")
	s.read("[two]")
	s.press("\x1a")
	s.read("[second 14")
	s.press("b\n")
	s.read("[code ")
	s.end()
	if !bytes.Contains(s.seen, []byte("[code 0]")) {
		t.Fatalf("want exit code 0; seen:\n%s", s.seen)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out/x")); err != nil || string(b) != "b\n" {
		t.Errorf("out/x is %q, %v, want what was typed last; seen:\n%s", b, err, s.seen)
	}
}

// TestRunKilled kills txcommit while the command runs. What the command writes to stays as long as it lives, whoever
// recovers meanwhile; then it is swept, and the tree is as it was.
func TestRunKilled(t *testing.T) {
	bin, dir := needBuilt(t), t.TempDir()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("first=%v", first), func(t *testing.T) {
			root := filepath.Join(dir, fmt.Sprint(first))
			if err := os.Mkdir(root, 0o755); err != nil {
				t.Fatal(err)
			}
			if !first {
				mustRun(t, bin, "run", "-C", root, "--path", "out", "--", "sh", "-c", `echo old >"$TXCOMMIT_STAGE/x"`)
			}
			before := listing(t, root)
			cmd := exec.Command(bin, "run", "-C", root, "--path", "out", "--", "sh", "-c",
				`echo "$TXCOMMIT_STAGE"; read -r x; echo new >"$TXCOMMIT_STAGE/x"; cat "$TXCOMMIT_STAGE/x"; read -r x; :`)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stage := readLine(t, out)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_, _ = cmd.Process.Wait()
			mustRun(t, bin, "recover", "-C", root)
			if _, err := in.Write([]byte("go\n")); err != nil {
				t.Fatal(err)
			}
			if got := readLine(t, out); got != "new" {
				t.Fatalf("the command wrote %q, want new", got)
			}
			in.Close()
			_, _ = io.ReadAll(out)
			for deadline := time.Now().Add(time.Minute); exists(stage); { // it is closing its files
				if time.Now().After(deadline) {
					t.Fatal("not swept")
				}
				mustRun(t, bin, "recover", "-C", root)
			}
			if got := listing(t, root); got != before {
				t.Errorf("the tree is %s, want %s", got, before)
			}
		})
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func mustRun(t *testing.T, bin string, args ...string) string {
	t.Helper()
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func readLine(t *testing.T, r io.Reader) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		if b[0] == '\n' {
			return string(line)
		}
	}
}

// listing names what is in a folder, but for the state folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != ".txcommit" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}
