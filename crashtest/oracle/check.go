package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// Case is a workload that was run, and what its tree looked like at the start.
type Case struct {
	W *workload.Workload
	// Again says that there may have been a recovery already, which has reported what was torn.
	Again bool
	// inodes and times are those of the start's nodes, by ID.
	inodes map[int]uint64
	times  map[int]int64
}

// NewCase takes what Look saw after Build and before the first step.
func NewCase(w *workload.Workload, start *Seen) (*Case, error) {
	c := &Case{W: w, inodes: map[int]uint64{}, times: map[int]int64{}}
	if diff := c.differences(w.Start, start, nil, nil); len(diff) > 0 {
		return nil, fmt.Errorf("seed %d: the start tree: %s", w.Seed, strings.Join(diff, "; "))
	}
	for p, n := range w.Start {
		c.inodes[n.ID], c.times[n.ID] = start.Tree[p].Ino, start.Tree[p].Mtime
	}
	return c, nil
}

// Until is the case of the first n steps alone: the one after them was reported as failed, and must not take effect.
func (c *Case) Until(n int) *Case {
	w := *c.W
	w.Steps = w.Steps[:n]
	return &Case{W: &w, inodes: c.inodes, times: c.times}
}

// Check says whether a recovered tree is one that may be after the first acked steps were acknowledged and the rest
// was cut anywhere. It returns how many steps have taken effect: acked or one more.
func (c *Case) Check(seen *Seen, acked int) (steps int, err error) {
	if steps, err = c.checkTree(seen, acked, c.loose(acked)); err != nil {
		return steps, err
	}
	return steps, c.checkState(seen, acked, c.mayDisplace(acked))
}

// CheckKilled is Check of the tree alone where a process was killed and the power stayed on: at level process, too, a
// transaction is whole then.
func (c *Case) CheckKilled(seen *Seen, acked int) (steps int, err error) {
	return c.checkTree(seen, acked, nil)
}

// CheckDisturbed is Check where a foreign program has changed the file at path between the crash and the recovery: of
// that path, and of all that the step in flight makes of its file, nothing is known but that it is not lost, which the
// caller checks. Everything else must be as ever; and as before the step, if the program has broken its condition.
func (c *Case) CheckDisturbed(seen *Seen, acked int, path string, broken bool) error {
	loose := append(c.loose(acked), path)
	ids := map[int]bool{}
	for range 2 { // what is at the path, and what was or will be there under that name
		for _, may := range c.allowed(acked) {
			for p, n := range may.tree {
				if slices.Contains(loose, p) {
					ids[n.ID] = true
				} else if ids[n.ID] {
					loose = append(loose, p)
				}
			}
		}
	}
	if diff := c.differences(c.W.Before(acked), seen, loose, nil); broken && len(diff) > 0 {
		return fmt.Errorf("a condition was broken, and the tree is not as before step %d: %s", acked+1, strings.Join(diff, "; "))
	}
	if _, err := c.checkTree(seen, acked, loose); err != nil {
		return err
	}
	return c.checkState(seen, acked, true)
}

// Expects says that the step in flight has a condition on a path and, in the crashed tree, has not acted on it yet.
func (c *Case) Expects(crashed *Seen, acked int, path string) bool {
	s := &c.W.Steps[acked]
	old, aim := c.W.Before(acked)[path], s.Aim[path]
	f, isThere := crashed.Tree[path]
	switch {
	case old == nil && (isThere || aim == nil),
		old != nil && (!isThere || differs(f, old) != ""),
		old != nil && aim != nil && (aim.ID == old.ID || aim.Text == old.Text):
		return false
	}
	return slices.ContainsFunc(s.Ops, func(o workload.Op) bool { return o.Expect != nil && (o.Path == path || o.From == path) })
}

// Leaves says that the step in flight only takes away what is at a path, and nothing of it comes there: what a foreign
// program has put there is no business of the step.
func (c *Case) Leaves(acked int, path string) bool {
	s := &c.W.Steps[acked]
	return s.Aim[path] == nil && slices.ContainsFunc(s.Ops, func(o workload.Op) bool {
		return o.Op == "remove" && o.Path == path || o.Op == "rename" && o.From == path
	})
}

// Names says that an op of the step in flight is on just this path.
func (c *Case) Names(acked int, path string) bool {
	return slices.ContainsFunc(c.W.Steps[acked].Ops, func(o workload.Op) bool { return o.Path == path || o.From == path })
}

// Racing says that the step in flight may be one of two that run at the same time.
func (c *Case) Racing(acked int) bool {
	n := len(c.W.Steps)
	return acked < n && (c.W.Steps[acked].Rival || acked+1 < n && c.W.Steps[acked+1].Rival)
}

func (c *Case) checkTree(seen *Seen, acked int, loose []string) (steps int, err error) {
	edited := map[int]bool{}
	if acked < len(c.W.Steps) && c.W.Steps[acked].Act != nil {
		for _, n := range c.W.Steps[acked].Aim {
			edited[n.ID] = n.Edited
		}
	}
	var why []string
	for _, may := range c.allowed(acked) {
		diff := c.differences(may.tree, seen, loose, edited)
		if len(diff) == 0 {
			return may.steps, nil
		}
		if len(diff) > 8 {
			diff = append(diff[:8], fmt.Sprintf("and %d more", len(diff)-8))
		}
		why = append(why, fmt.Sprintf("not the tree %s: %s", may.what, strings.Join(diff, "; ")))
	}
	return 0, fmt.Errorf("%d steps were acknowledged; %s", acked, strings.Join(why, "\n\t"))
}

type allowed struct {
	what  string
	tree  workload.Tree
	steps int
}

func (c *Case) allowed(acked int) []allowed {
	out := []allowed{{fmt.Sprintf("after step %d", acked), c.W.Before(acked), acked}}
	if acked == len(c.W.Steps) {
		return out
	}
	for i := acked; i == acked || i < len(c.W.Steps) && c.W.Steps[i].Rival; i++ {
		s := &c.W.Steps[i]
		out = append(out, allowed{fmt.Sprintf("at which step %d aims", i+1), s.Aim, i + 1},
			allowed{fmt.Sprintf("after step %d", i+1), s.After, i + 1})
	}
	return out
}

// loose are the paths of which nothing is promised after a power cut: those that transactions of level process have
// touched that no acknowledged transaction of level sync has made durable since.
func (c *Case) loose(acked int) []string {
	var out []string
	for i := range c.W.Steps[:min(acked+1, len(c.W.Steps))] {
		s := &c.W.Steps[i]
		switch {
		case s.Process:
			out = append(out, s.Touched...)
		case s.Act == nil && s.Exit == 0 && i < acked:
			out = nil
		}
	}
	return out
}

// MayTear says that the recovery may report a torn transaction of level process, once, with exit code 5.
func (c *Case) MayTear(acked int) bool { return len(c.loose(acked)) > 0 }

func isLoose(p string, loose []string) bool {
	return slices.ContainsFunc(loose, func(l string) bool {
		return l == p || strings.HasPrefix(p, l+"/") || strings.HasPrefix(l, p+"/")
	})
}

// differences lists where what was seen is not the tree.
func (c *Case) differences(t workload.Tree, seen *Seen, loose []string, edited map[int]bool) []string {
	all := maps.Clone(t)
	for p := range seen.Tree {
		if _, ok := all[p]; !ok {
			all[p] = nil
		}
	}
	id := identities{of: c, nodes: map[int]uint64{}, inodes: map[uint64]int{}, edited: edited}
	var out []string
	for _, p := range all.Paths() {
		if isLoose(p, loose) {
			continue
		}
		f, ok := seen.Tree[p]
		want := t[p]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s: is missing, want %v", p, want))
		case want == nil:
			out = append(out, fmt.Sprintf("%s: is %v, want nothing", p, f))
		default:
			if why := differs(f, want); why != "" {
				out = append(out, fmt.Sprintf("%s: %s: is %v, want %v", p, why, f, want))
			} else if why := id.check(f, want); why != "" {
				out = append(out, fmt.Sprintf("%s: %s", p, why))
			}
		}
	}
	return out
}

// differs names the first thing in which what was found is not as wanted.
func differs(f Found, want *workload.Node) string {
	switch {
	case f.Kind != want.Kind:
		return "kind"
	case f.UID != want.UID || f.GID != want.GID:
		return "owner"
	case f.Kind != workload.Link && f.Mode != want.Mode:
		return "mode"
	case f.Text != want.Text:
		return "content"
	case f.Attr != want.Attr:
		return "attribute"
	}
	return ""
}

// identities checks that nodes are inodes: one inode a node, the same as at the start if it was there then.
type identities struct {
	of     *Case
	nodes  map[int]uint64
	inodes map[uint64]int
	edited map[int]bool // somebody is writing into them: the time may be new and the content old
}

func (id *identities) check(f Found, want *workload.Node) string {
	if was, ok := id.of.inodes[want.ID]; ok {
		if was != f.Ino {
			return fmt.Sprintf("is inode %d, was and should be %d", f.Ino, was)
		}
		if was := id.of.times[want.ID]; f.Kind == workload.File && !want.Edited && !id.edited[want.ID] && f.Mtime != was {
			return fmt.Sprintf("has mtime %d, had and should have %d", f.Mtime, was)
		}
	}
	if ino, ok := id.nodes[want.ID]; ok && ino != f.Ino {
		return "is not the same inode as its other name any more"
	}
	if n, ok := id.inodes[f.Ino]; ok && n != want.ID {
		return "is one inode with a path that it should have nothing to do with"
	}
	id.nodes[want.ID], id.inodes[f.Ino] = f.Ino, want.ID
	return ""
}

// atRest are the names that a store at rest may have in its state folder.
var atRest = []string{
	".gitignore", "displaced", "format", "history", "holder", "journal.db", "lock", "stage", "trash", "turnstile", "view.lock",
}

// checkState checks the names in the state folder: no litter, and nothing put aside unless something was in the way.
func (c *Case) checkState(seen *Seen, acked int, displaced bool) error {
	kept := slices.ContainsFunc(c.W.Steps[:min(acked+1, len(c.W.Steps))], func(s workload.Step) bool { return s.History > 0 })
	var litter []string
	for _, name := range seen.State {
		if strings.HasPrefix(name, "displaced/") && displaced || strings.HasPrefix(name, "history/") && kept {
			continue
		}
		if !slices.Contains(atRest, name) {
			litter = append(litter, name)
		}
	}
	if len(litter) > 0 {
		return fmt.Errorf("litter in %s after recovery: %s", stateFolder, strings.Join(litter, ", "))
	}
	return nil
}

// mayDisplace says that content may have been put aside: what is left of transactions of level process after a power
// cut. Acts of foreign programs come between transactions, so that they never are in the way.
func (c *Case) mayDisplace(acked int) bool {
	for i := range c.W.Steps[:min(acked+1, len(c.W.Steps))] {
		if c.W.Steps[i].Process {
			return true
		}
	}
	return false
}
