package oracle

import (
	"fmt"
	"path/filepath"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// CheckSources checks what transactions take their content from: a source is never changed, and removed only by a tree
// op that moves it, once it has taken effect. left is what is in the workload's folder of sources, seen the tree.
func (c *Case) CheckSources(left map[string]Found, seen *Seen, acked int) error {
	effective := acked
	for _, may := range c.allowed(acked) {
		if len(c.differences(may.tree, seen, c.loose(acked), nil)) == 0 {
			effective = max(effective, may.steps)
		}
	}
	for i := range c.W.Steps {
		s := &c.W.Steps[i]
		for _, p := range s.Sources.Paths() {
			want := s.Sources[p]
			f, isThere := left[filepath.Join(s.Name, p)]
			switch {
			case isThere && (f.Kind != want.Kind || f.Text != want.Text):
				return fmt.Errorf("source %s/%s: is %v, want %v", s.Name, p, f, want)
			case !isThere && (!s.Moved(p) || s.Exit != 0 || i >= effective && !s.Process):
				return fmt.Errorf("source %s/%s is gone, but the step has not taken effect: %d have", s.Name, p, effective)
			}
		}
	}
	return nil
}

// Consumed checks that what the first steps have moved is not at its source any more. It is for runs that nothing has cut.
func (c *Case) Consumed(left map[string]Found, steps int) error {
	for i := range c.W.Steps[:steps] {
		s := &c.W.Steps[i]
		for _, p := range s.Sources.Paths() {
			f, isThere := left[filepath.Join(s.Name, p)]
			if isThere && s.Exit == 0 && s.Moved(p) && f.Kind != workload.Folder {
				return fmt.Errorf("source %s/%s was moved, and is still there", s.Name, p)
			}
		}
	}
	return nil
}

// RaceEnded finds out in which order the transactions of a race have taken effect, by their exit codes and by the tree
// that they have left, and returns the case of that order. No order is a violation.
func (c *Case) RaceEnded(end *Seen, exits [2]int) (*Case, int, error) {
	var why error
	for order := range c.W.Race {
		ended := &Case{W: c.W.Raced(order), inodes: c.inodes, times: c.times}
		n := len(c.W.Steps)
		if a, b := ended.W.Steps[n].Exit, ended.W.Steps[n+1].Exit; a != exits[order] || b != exits[1-order] {
			continue
		}
		if _, why = ended.Check(end, n+2); why == nil {
			return ended, order, nil
		}
	}
	return nil, 0, fmt.Errorf("seed %d: two transactions at the same time ended with %v, as if in neither order: %w\n%s\n%s",
		c.W.Seed, exits, why, c.W.Race[0][0].Manifest(), c.W.Race[0][1].Manifest())
}
