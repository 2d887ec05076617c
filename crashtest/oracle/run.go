package oracle

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/journal"
)

// Report is what recover said.
type Report struct {
	Exit      int    `json:"-"`
	Text      string `json:"-"`
	Result    string `json:"result"`
	Recovered []struct {
		ID      string `json:"id"`
		Outcome string `json:"outcome"`
	} `json:"recovered"`
	Swept     int      `json:"swept"`
	Displaced []string `json:"displaced"`
}

// Outcomes counts the transactions that were recovered so: "completed", "rolled-back", "torn".
func (r *Report) Outcomes(outcome string) (n int) {
	for _, o := range r.Recovered {
		if o.Outcome == outcome {
			n++
		}
	}
	return n
}

// Recover runs the recovery of a root.
func Recover(run Runner, root string) (*Report, error) {
	r := &Report{}
	out, exit, err := run("recover", "--root", root, "--allow-unsafe-fs", "-o", "json")
	if err != nil {
		return nil, err
	}
	r.Exit, r.Text = exit, string(out)
	if err := json.Unmarshal(out, r); err != nil {
		return nil, fmt.Errorf("recover: exit code %d: %w\n%s", exit, err, out)
	}
	return r, nil
}

// CheckReport says whether a recovery has ended as it must.
func (c *Case) CheckReport(r *Report, acked int) error {
	if r.Exit == 0 || r.Exit == 5 && r.Outcomes("torn") > 0 && c.MayTear(acked) {
		return nil
	}
	return fmt.Errorf("recover: exit code %d\n%s", r.Exit, r.Text)
}

// Verdict is what became of one crash.
type Verdict struct {
	// Steps is how many steps have taken effect.
	Steps  int
	Report *Report
	// Moved says that the recovery has changed the tree.
	Moved bool
}

// Verify recovers the workload's folder dir and checks everything. It needs a file system of the
// kernel: it maps the journal into this process.
func (c *Case) Verify(run Runner, dir string, acked int) (*Verdict, error) {
	root := workload.Root(dir)
	before, err := Look(root)
	if err != nil {
		return nil, err
	}
	v := &Verdict{}
	if v.Report, err = Recover(run, root); err != nil {
		return v, err
	}
	if err := c.CheckReport(v.Report, acked); err != nil {
		return v, err
	}
	after, err := Look(root)
	if err != nil {
		return v, err
	}
	v.Moved = !maps.Equal(before.Tree, after.Tree)
	if v.Steps, err = c.Check(after, acked); err != nil {
		return v, err
	}
	left, err := Look(workload.Source(dir))
	if err != nil {
		return v, err
	}
	if err := c.CheckTorn(v.Report, after, acked); err != nil {
		return v, err
	}
	if err := c.CheckSources(left.Tree, after, acked); err != nil {
		return v, err
	}
	if err := CheckJournal(filepath.Join(root, stateFolder, "journal.db")); err != nil {
		return v, err
	}
	return v, Settled(run, root, after)
}

// Settled checks that a second recovery finds nothing to do and changes nothing.
func Settled(run Runner, root string, after *Seen) error {
	r, err := Recover(run, root)
	if err != nil {
		return err
	}
	if r.Exit != 0 || r.Result != "clean" || len(r.Recovered) > 0 || r.Swept > 0 {
		return fmt.Errorf("second recovery: exit code %d, want nothing to do\n%s", r.Exit, r.Text)
	}
	again, err := Look(root)
	if err != nil {
		return err
	}
	return SameSeen(after, again)
}

// SameSeen says where two looks at a recovered root differ.
func SameSeen(after, again *Seen) error {
	if !maps.Equal(after.Tree, again.Tree) {
		return errors.New("second recovery: it changed the tree")
	}
	if !slices.Equal(after.State, again.State) {
		return fmt.Errorf("second recovery: %s has %q, had %q", stateFolder, again.State, after.State)
	}
	return nil
}

// CheckJournal runs bbolt's own check on a journal; a missing one is none.
func CheckJournal(path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db, err := journal.OpenReadOnly(os.OpenFile, path)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return errors.Join(db.Check(), db.Close())
}

// Next checks that a recovered store takes another transaction.
func Next(run Runner, dir string, seen *Seen) error {
	m := filepath.Join(dir, "next.json")
	text := `{"version": 1, "ops": [{"op": "write", "path": "next/file", "content": "next", "expect": "absent"}]}`
	if err := os.WriteFile(m, []byte(text), 0o600); err != nil {
		return err
	}
	root := workload.Root(dir)
	out, exit, err := run("apply", "--root", root, "--allow-unsafe-fs", "-o", "json", m)
	if err != nil || exit != 0 {
		return fmt.Errorf("next transaction: exit code %d, %w\n%s", exit, err, out)
	}
	now, err := Look(root)
	if err != nil {
		return err
	}
	if now.Tree["next/file"].Text != "next" {
		return errors.New("next transaction: its file is not there")
	}
	delete(now.Tree, "next/file")
	delete(now.Tree, "next")
	if !maps.Equal(now.Tree, seen.Tree) {
		return errors.New("next transaction: it changed what it does not name")
	}
	return nil
}
