package oracle

import (
	"fmt"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// CheckTorn checks the promise that level process makes for a power cut: a transaction of which something is seen to be
// missing is reported, by the first recovery after it. It looks at the content of what one acknowledged transaction has
// changed, where nothing that came later had to do with it.
func (c *Case) CheckTorn(r *Report, seen *Seen, acked int) error {
	i, ok := c.onlyProcess(acked)
	if !ok || c.Again || r.Outcomes("torn") > 0 {
		return nil
	}
	var later []string
	for j := i + 1; j < min(acked+1, len(c.W.Steps)); j++ {
		later = append(later, c.W.Steps[j].Touched...)
	}
	s := &c.W.Steps[i]
	all := map[string]bool{}
	for _, t := range []workload.Tree{c.W.Before(i), s.After} {
		for p := range t {
			all[p] = isLoose(p, s.Touched) && !isLoose(p, later)
		}
	}
	for p, changed := range all {
		want := s.After[p]
		f, isThere := seen.Tree[p]
		if changed && (isThere != (want != nil) || isThere && (f.Kind != want.Kind || f.Text != want.Text)) {
			return fmt.Errorf("%s: is %v, want %v, and the torn transaction of step %d is not reported\n%s", p, f, want, i+1, r.Text)
		}
	}
	return nil
}

// onlyProcess is the one acknowledged step of level process that no later step of level sync has made durable.
func (c *Case) onlyProcess(acked int) (step int, ok bool) {
	n := 0
	for i := range c.W.Steps[:acked] {
		switch s := &c.W.Steps[i]; {
		case s.Process:
			step = i
			n++
		case s.Act == nil && s.Exit == 0:
			n = 0
		}
	}
	return step, n == 1
}
