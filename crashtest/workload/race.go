package workload

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
)

// race makes two transactions that run at the same time after the last step, on the same paths. Each may come first:
// the other one then finds what the first has left, and a condition may fail for it.
func (g *gen) race() {
	g.was = g.w.Before(len(g.w.Steps))
	g.claims = map[string]bool{}
	var shared []string
	for len(shared) < 2 {
		p, ok := g.existingOf(File)
		if !ok || g.chance(40) {
			if p, ok = g.free(); !ok {
				return
			}
		}
		g.claim(p)
		shared = append(shared, p)
	}
	var rivals [2]Step
	for k := range rivals {
		own, ok := g.free()
		if !ok {
			return
		}
		g.claim(own)
		rivals[k] = g.rival(k, shared, own)
	}
	for _, first := range []int{0, 1} {
		g.now = g.was.clone()
		a, b := g.follow(rivals[first]), g.follow(rivals[1-first])
		b.Rival = true
		g.w.Race = append(g.w.Race, []Step{a, b})
	}
}

// rival makes transaction k. It writes the first shared path and one of its own, so that the order can be seen.
func (g *gen) rival(k int, shared []string, own string) Step {
	g.step = &Step{Name: fmt.Sprintf("race%d", k), Sources: Tree{}, Touched: append([]string{own}, shared...)}
	for i, p := range append([]string{own}, shared...) {
		o := Op{Op: "write", Path: p}
		if i > 1 && g.chance(40) {
			o = Op{Op: "remove", Path: p, Missing: "ok"}
		} else {
			g.mode(&o, 0)
			g.content(&o, strings.Repeat(g.step.Name+" "+p+"\n", 1+g.IntN(300)))
		}
		if i > 0 {
			g.expect(&o, g.was[p])
		}
		g.add(o)
	}
	return *g.step
}

// follow predicts what a transaction of a race makes of the tree that the steps before it have left.
func (g *gen) follow(s Step) Step {
	before := g.now.clone()
	for i := range s.Ops {
		o := &s.Ops[i]
		old := before[o.Path]
		switch {
		case !holds(o.Expect, old):
			g.now, s.Exit = before, 3
			s.Aim, s.After = before, before
			return s
		case o.Op == "remove":
			g.now.remove(o.Path)
			continue
		}
		n := g.node(File, 0o644)
		if old != nil {
			n.Mode, n.UID, n.GID, n.Attr = old.Mode, old.UID, old.GID, old.Attr
		}
		if mode, err := strconv.ParseUint(o.Mode, 8, 32); err == nil { // else it has none
			n.Mode = uint32(mode)
		}
		n.Text, n.Edited = s.text(o), true
		g.put(o.Path, n)
	}
	s.Aim = g.now.clone()
	s.After = s.Aim
	return s
}

// text is what an op writes.
func (s *Step) text(o *Op) string {
	if o.Content != nil {
		return *o.Content
	}
	return s.Sources[path.Base(o.Source)].Text
}

// holds says whether a condition on a file is true.
func holds(expect any, n *Node) bool {
	switch e := expect.(type) {
	case string:
		return (e == "present") == (n != nil)
	case map[string]string:
		return n != nil && expectContent(n.Text).(map[string]string)["sha256"] == e["sha256"]
	}
	return true
}

// RunRace runs the transactions of the race at the same time, and marks the end of each: of the first with -1, of the
// second with -2. It returns their exit codes.
func (w *Workload) RunRace(bin, dir string) (exits [2]int, err error) {
	var wg sync.WaitGroup
	var errs [2]error
	for k := range exits {
		wg.Go(func() {
			s := &w.Race[0][k]
			out, err := s.Command(bin, dir).CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
				exits[k], err = exit.ExitCode(), nil
			}
			if err != nil {
				errs[k] = fmt.Errorf("seed %d: %s: %w\n%s", w.Seed, s.Name, err, out)
				return
			}
			errs[k] = Mark(dir, -1-k)
		})
	}
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			err = e
		}
	}
	return exits, err
}

// Raced is the workload with the transactions of the race as its last steps, in one of the two orders.
func (w *Workload) Raced(order int) *Workload {
	steps := append(append([]Step(nil), w.Steps...), w.Race[order]...)
	return &Workload{Seed: w.Seed, Start: w.Start, Steps: steps}
}
