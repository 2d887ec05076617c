//go:build linux

package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hangEnv makes TestHang hang; its value is found again in the arguments of a process.
const hangEnv = "TXCOMMIT_SANDBOX_HANG"

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestHang is what TestNothingOutlives ends: a test with a mount, a loop device and a process.
func TestHang(t *testing.T) {
	mark := os.Getenv(hangEnv)
	if mark == "" {
		return
	}
	dir := t.TempDir()
	image := filepath.Join(dir, mark)
	if err := Ext4.Make(image, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Ext4.Mount(image, filepath.Join(dir, "mnt")); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("sleep", "1000", mark).Start(); err == nil {
		fmt.Println("ready")
	}
	select {}
}

// TestNothingOutlives ends a sandbox in every way there is, and looks for its mount, loop device, process and folder.
func TestNothingOutlives(t *testing.T) {
	Need(t, Private, Loop(Ext4))
	for _, tt := range []struct {
		name   string
		signal unix.Signal
		args   []string
	}{
		{name: "interrupted", signal: unix.SIGINT},
		{name: "terminated", signal: unix.SIGTERM},
		{name: "killed", signal: unix.SIGKILL},
		{name: "timed out", args: []string{"-test.timeout=2s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mark := fmt.Sprintf("%d.%d", os.Getpid(), time.Now().UnixNano())
			cmd := hanging(t, mark, tt.args...)
			if tt.signal != 0 {
				if err := cmd.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait() // it fails in any case
			until(t, func() bool { return len(traces(t, mark)) == 0 })
			if tt.signal == unix.SIGKILL {
				return // nobody was left to remove the folder, which is empty
			}
			if dirs, _ := filepath.Glob(filepath.Join(cmd.Dir, "txcommit-sandbox-*")); len(dirs) > 0 {
				t.Errorf("left behind: %q", dirs)
			}
		})
	}
}

// hanging starts TestHang in a sandbox of its own and waits until it hangs.
func hanging(t *testing.T, mark string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"-test.run=^TestHang$"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, dirEnv+"=") })
	cmd.Env = append(cmd.Env, hangEnv+"="+mark, "TMPDIR="+cmd.Dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			until(t, func() bool { return len(traces(t, mark)) >= 2 }) // a loop device and a process
			return cmd
		}
	}
	t.Fatalf("it did not start: %v", cmd.Wait())
	return nil
}

// until waits for a condition.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v", patience)
		}
	}
}

// traces are the loop devices and processes that carry the mark.
func traces(t *testing.T, mark string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/block/loop*/loop/backing_file", "/proc/[0-9]*/cmdline", "/proc/self/mountinfo"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), mark) {
				found = append(found, f)
			}
		}
	}
	return found
}
