//go:build linux

package live

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

// stateEnv names the folder of a kept state, for TestReplay.
const stateEnv = "TXCOMMIT_LIVE_STATE"

// kept is what is needed to judge again what a shutdown has left, beside the images.
type kept struct {
	FS     string   `json:"fs"`
	Images []string `json:"images"`
	Error  string   `json:"error"`
	// Of a workload, or of a recovery of it that was cut (Again):
	Layers bool               `json:"layers,omitempty"`
	Work   *workload.Workload `json:"work,omitempty"` // the generator may make another one of the seed some day
	Start  *oracle.Seen       `json:"start,omitempty"`
	Acked  int                `json:"acked,omitempty"`
	Again  bool               `json:"again,omitempty"`
	Exit   int                `json:"exit"` // of the process that was stopped
	Ended  bool               `json:"ended,omitempty"`
	// Of writers under load:
	Ends []end `json:"ends,omitempty"`
	// Of two disks:
	Old    map[string]string `json:"old,omitempty"`
	New    map[string]string `json:"new,omitempty"`
	Stdout []byte            `json:"stdout,omitempty"`
}

// cutSuffix is that of the copy of an image as a shutdown has left it, before anything is recovered in it.
const cutSuffix = ".cut"

func copyImage(from, to string) error {
	if out, err := exec.Command("cp", "--sparse=always", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w\n%s", err, out)
	}
	return nil
}

// keep saves a state of which k tells, with its images in the folder temp, and says how to see it again.
func (k kept) keep(temp string, why error) string {
	k.Error = why.Error()
	dir, err := sandbox.Keep()
	for _, image := range k.Images {
		if err == nil {
			err = copyImage(filepath.Join(temp, image+cutSuffix), filepath.Join(dir, image))
		}
	}
	var b []byte
	if err == nil {
		b, err = json.MarshalIndent(k, "", "  ")
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), b, 0o600)
	}
	if err != nil {
		return fmt.Sprintf("%v\n(not kept: %v)", why, err)
	}
	return fmt.Sprintf("%v\nreplay: %s%s=%s go -C crashtest test ./live -run 'TestReplay$' -count=1 -v", why, bin.Env(), stateEnv, dir)
}

// cut unmounts, keeps the image as it is now for keep, and mounts again.
func (s *stand) cut() {
	s.Helper()
	s.unmount()
	if err := copyImage(s.image(), s.image()+cutSuffix); err != nil {
		s.Fatal(err)
	}
	s.mount()
}

// keptIn finds the folder in what keep has said.
func keptIn(said string) string {
	_, after, _ := strings.Cut(said, stateEnv+"=")
	dir, _, _ := strings.Cut(after, " ")
	return dir
}

// keep saves what the last cut has left.
func (s *stand) keep(k kept, why error) string {
	k.FS, k.Images, k.Layers = s.fs.Name, []string{filepath.Base(s.image())}, s.layers
	k.Work, k.Start, k.Acked = s.work, s.start, s.acked
	return k.keep(s.temp, why)
}

// TestReplay judges a kept state again: that of a violation, whose message says how.
func TestReplay(t *testing.T) {
	from := os.Getenv(stateEnv)
	if from == "" {
		return // nothing to replay; no skip, which would be a failure in CI
	}
	if err := replay(t, from); err != nil {
		t.Error(err)
	}
}

func replay(t *testing.T, from string) error {
	t.Helper()
	var k kept
	b, err := os.ReadFile(filepath.Join(from, "state.json"))
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		t.Fatal(err)
	}
	var fs sandbox.FS
	for _, f := range sandbox.All {
		if f.Name == k.FS {
			fs = f
		}
	}
	if fs.Name == "" {
		t.Fatalf("%s: unknown file system %q", from, k.FS)
	}
	needs(t, fs)
	temp := sandbox.TempDir(t, "replay-")
	for _, image := range k.Images {
		if err := copyImage(filepath.Join(from, image), filepath.Join(temp, image)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s, exit code %d; was: %s", k.FS, k.Exit, k.Error)
	if k.Old != nil {
		d := &twoDisks{T: t, fs: fs, temp: temp, old: k.Old, new: k.New}
		d.mount()
		defer d.unmount()
		_, err := d.judge(supervise.Result{ExitCode: k.Exit, Stdout: k.Stdout})
		return err
	}
	s := &stand{T: t, fs: fs, layers: k.Layers, temp: temp, bin: bin.Need(t), work: k.Work, start: k.Start, acked: k.Acked}
	if s.rules, err = oracle.NewCase(k.Work, k.Start); err != nil {
		t.Fatal(err)
	}
	s.mount()
	defer s.unmount()
	switch {
	case k.Ends != nil:
		l := &load{stand: s}
		copy(l.ends[:], k.Ends)
		_, err = l.judge()
	case k.Again:
		err = s.judgeAgain(supervise.Result{ExitCode: k.Exit})
	default:
		err = s.judge(supervise.Result{ExitCode: k.Exit}, k.Ended)
	}
	return err
}

// TestKept keeps states that are right, and the same with a wrong account of what was said: the first are judged well
// again, the others are not.
func TestKept(t *testing.T) {
	needs(t, sandbox.Ext4)
	const seed = 41
	w := workload.New(seed, workload.Options{Steps: 2})
	s := newStand(t, sandbox.Ext4, 0, false, w)
	for s.acked < len(w.Steps) {
		if res, ended := s.step(supervise.Fault{}); !ended {
			t.Fatalf("step %d: exit code %d\n%s%s", s.acked+1, res.ExitCode, res.Stdout, res.Stderr)
		}
	}
	s.cut()
	for _, tt := range []struct {
		acked int
		bad   bool
	}{{len(w.Steps), false}, {0, true}} {
		s.acked = tt.acked
		said := s.keep(kept{Ended: true}, os.ErrInvalid)
		dir := keptIn(said)
		if dir == "" {
			t.Fatal(said)
		}
		if err := replay(t, dir); (err != nil) != tt.bad {
			t.Errorf("%d acknowledged: %v, want a violation: %t", tt.acked, err, tt.bad)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}
