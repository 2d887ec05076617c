package model_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// The writers of a group: each has three files, and commits so many versions of them.
const (
	writers  = 6
	versions = 4
)

// writersFolder has the command that they run in.
const writersFolder = "model/writers"

// content is that of the files of a writer in a version: none before the first one has made a file. Each has another
// length, so that a write can be torn.
func content(writer, v int) map[string]string {
	line := fmt.Sprintf("%d %d\n", writer, v)
	files := map[string]string{
		fmt.Sprintf("own%d/old", writer):             strings.Repeat(line, 400),
		fmt.Sprintf("shared%d/%d", writer/2, writer): strings.Repeat(line, 150),
	}
	if v > 0 {
		files[fmt.Sprintf("own%d/new", writer)] = line
	}
	return files
}

// groupRun is what several writers of one process have done.
type groupRun struct {
	*model.Recording
	noExchange bool
	acked      [][writers]int // by number of events: the versions that were acknowledged then
}

// recordGroup lets the writers of the binary driver run on a mount.
func recordGroup(driver, dir string, noExchange bool) (_ *groupRun, err error) {
	m, err := memfs.New(filepath.Join(dir, "recording"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	m.Exchange(!noExchange)
	w := filepath.Join(m.Dir, "w")
	var plan [writers][]map[string]string
	for i := range plan {
		for p, text := range content(i, 0) {
			at := filepath.Join(w, "root", p)
			if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
				return nil, err
			}
		}
		for v := range versions {
			plan[i] = append(plan[i], content(i, v+1))
		}
	}
	in, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	mark := filepath.Join(w, "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return nil, err
	}
	base := m.Record("w", "mark")
	cmd := exec.Command(driver, filepath.Join(w, "root"), mark)
	cmd.Stdin = strings.NewReader(string(in))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	r := &groupRun{Recording: model.NewRecording(base, m.Recorded()), noExchange: noExchange}
	return r, r.countMarks()
}

func (r *groupRun) countMarks() error {
	var now [writers]int
	for i := range r.Events {
		r.acked = append(r.acked, now)
		if e := &r.Events[i]; e.Kind == memfs.Mark {
			var writer, v int
			if n, _ := fmt.Sscanf(string(e.Data), "%d %d", &writer, &v); n != 2 || v != now[writer]+1 {
				return fmt.Errorf("mark %q after %v", e.Data, now)
			}
			now[writer] = v
		}
	}
	if r.acked = append(r.acked, now); slices.Min(now[:]) != versions {
		return fmt.Errorf("acknowledged were only %v", now)
	}
	return nil
}

// puts counts how often the journal was written: each time one of its two first pages is.
func (r *groupRun) puts() (n int) {
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind == memfs.Write && e.Path == "root/.txcommit/journal.db" && e.Off < 2*int64(os.Getpagesize()) && len(e.Data) <= os.Getpagesize() {
			n++
		}
	}
	return n
}

// TestGroupPowerCuts lets writers of one process wait for each other, so that one commits for several. In power cuts at
// any moment, also of the recovery, each writer's files must be whole, and as new as it was told. The writers are as fast
// as they are: no two runs record the same.
func TestGroupPowerCuts(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	driver, err := bin.BuildLab("", writersFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		noExchange bool
		states     int
	}{
		{"exchange", false, 1100},
		{"no exchange", true, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, start := sandbox.TempDir(t, "group-"), time.Now()
			r, err := recordGroup(driver, dir, c.noExchange)
			if err != nil {
				t.Fatal(err)
			}
			if n := r.puts(); n == 0 || n > writers*versions*3/4 {
				t.Errorf("the journal was written %d times for %d commits: there were no groups", n, writers*versions)
			}
			if _, err := r.Order(t.TempDir()); err != nil {
				t.Error(err)
			}
			seed := rand.Uint64()
			h := &groupHunt{groupRun: r, exe: bin.Need(t), states: c.states, keep: true}
			if err := h.explore(dir, seed); err != nil {
				t.Fatal(err)
			}
			for _, err := range h.bad {
				t.Error(err)
			}
			t.Logf("seed %d: %d events, %d puts, %+v; in %v", seed, len(r.Events), r.puts(), h.counts, time.Since(start).Round(time.Second))
			if n := h.counts; n.states < c.states || n.completed < c.states/10 || n.several < c.states/20 || n.nested < c.states/20 {
				t.Errorf("only %+v of %d", n, c.states)
			}
		})
	}
}
