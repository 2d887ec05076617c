package workload

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Workload is a start tree and what happens to it, one step after the other.
type Workload struct {
	Seed  uint64
	Start Tree
	Steps []Step
	// Race, if not empty, has two transactions that run at the same time after the last step, in both orders in which
	// they may take effect. See Raced.
	Race [][]Step
}

// Step is a transaction, or the act of a program that knows nothing of transactions.
type Step struct {
	Name string
	// Ops are those of the transaction; none for an act.
	Ops []Op
	// Sources is what is below DIR/src/NAME for the ops.
	Sources Tree
	// Process says that the transaction is of level process: after a power cut nothing is promised of it until the
	// next step of level sync.
	Process bool
	// History is how many transactions are kept for undo. Undo says that the step takes the one before it back; Force, that
	// it does so though that one has moved a source into the tree.
	History     int
	Undo, Force bool
	// Refuse, if not 0, says that the Refuse-th rename into or out of the tree is refused by the kernel. Only layers
	// that can refuse run such steps; see Options.
	Refuse int
	// Exit is the exit code of the transaction: 0, 1 where it was refused, 3 where an expectation fails.
	Exit int
	// Act is not nil for a foreign program's act.
	Act *Act
	// Aim is the tree if the step takes effect, which it also may if it is cut before it was seen to fail. After is the
	// tree once the step has ended. They differ only where Refuse is set.
	Aim, After Tree
	// Touched are the paths whose state the step may change.
	Touched []string
	// Rival says that the step runs at the same time as the one before it.
	Rival bool
}

// Before returns the tree before step i; i may be the number of steps.
func (w *Workload) Before(i int) Tree {
	if i == 0 {
		return w.Start
	}
	return w.Steps[i-1].After
}

// Root, Source and Mark are the parts of a workload's folder.
func Root(dir string) string { return filepath.Join(dir, "root") }

// Source is the folder with the sources of all steps.
func Source(dir string) string { return filepath.Join(dir, "src") }

// MarkPath is the file with the number of acknowledged steps.
func MarkPath(dir string) string { return filepath.Join(dir, "mark") }

func (s *Step) manifestPath(dir string) string { return filepath.Join(dir, "m", s.Name+".json") }

// Build makes the workload's folder in dir, which must exist and be empty: the start tree, all sources, all manifests.
// Nothing is synced; see SyncAll.
func (w *Workload) Build(dir string) error {
	for _, d := range []string{Root(dir), Source(dir), filepath.Join(dir, "m")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := w.Start.Build(Root(dir)); err != nil {
		return fmt.Errorf("start tree: %w", err)
	}
	all := w.Steps
	if len(w.Race) > 0 {
		all = w.Raced(0).Steps
	}
	for i := range all {
		if err := all[i].build(dir); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return os.WriteFile(MarkPath(dir), nil, 0o600)
}

func (s *Step) build(dir string) error {
	if s.Act != nil {
		return nil
	}
	src := filepath.Join(Source(dir), s.Name)
	if err := os.Mkdir(src, 0o755); err != nil {
		return err
	}
	if err := s.Sources.Build(src); err != nil {
		return err
	}
	b, err := manifest(s.Name, s.Ops)
	if err != nil {
		return err
	}
	return os.WriteFile(s.manifestPath(dir), b, 0o600)
}

// Command returns the command that does the transaction with the binary bin.
func (s *Step) Command(bin, dir string) *exec.Cmd {
	args := []string{"--root", Root(dir), "--allow-unsafe-fs", "-o", "json", "--history", strconv.Itoa(s.History)}
	if s.Process {
		args = append(args, "--durability", "process")
	}
	if s.Force {
		args = append(args, "--force")
	}
	if s.Undo {
		return exec.Command(bin, append([]string{"undo"}, args...)...)
	}
	return exec.Command(bin, append(append([]string{"apply"}, args...), s.manifestPath(dir))...)
}

// Mark notes that the first n steps were acknowledged, by one write and nothing else: the layers see it in their logs,
// and it must not make anything durable. The mark file exists.
func Mark(dir string, n int) error {
	f, err := os.OpenFile(MarkPath(dir), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(strconv.Itoa(n)), 0)
	return err
}

// Moved says that the step consumes the source p, a path below its sources, once it has taken effect.
func (s *Step) Moved(p string) bool {
	for i := range s.Ops {
		o := &s.Ops[i]
		top := path.Base(o.Source)
		rel, below := strings.CutPrefix(p, top+"/")
		if !o.Move || !below && p != top {
			continue
		}
		return !slices.ContainsFunc(o.Exclude, func(glob string) bool {
			ok, _ := path.Match(glob, rel)
			return ok
		})
	}
	return false
}

// Run does step i, as a process of bin or by itself if it is an act, and marks it. Any other outcome than the one
// predicted is an error.
func (w *Workload) Run(i int, bin, dir string) error {
	s := &w.Steps[i]
	if s.Act != nil {
		if err := s.Act.Do(dir); err != nil {
			return fmt.Errorf("seed %d: step %d (%s): %w", w.Seed, i, s.Act, err)
		}
		return Mark(dir, i+1)
	}
	out, err := s.Command(bin, dir).CombinedOutput()
	code := 0
	if exit, ok := err.(*exec.ExitError); ok {
		code = exit.ExitCode()
	} else if err != nil {
		return err
	}
	if code != s.Exit {
		return &OutcomeError{w.Seed, i, code, s.Exit, string(out)}
	}
	return Mark(dir, i+1)
}

// Manifest returns the text of the transaction's manifest, for messages.
func (s *Step) Manifest() string {
	b, _ := manifest(s.Name, s.Ops)
	return string(b)
}

// OutcomeError says that a transaction ended otherwise than it was predicted.
type OutcomeError struct {
	Seed            uint64
	Step, Got, Want int
	Output          string
}

// Error says which step ended otherwise than predicted.
func (e *OutcomeError) Error() string {
	return fmt.Sprintf("seed %d: step %d: exit code %d, want %d\n%s", e.Seed, e.Step, e.Got, e.Want, e.Output)
}
