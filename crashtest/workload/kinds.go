package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kinds counts what workloads are made of.
type Kinds map[string]int

// kinds are all there are: a layer that runs many workloads must have met each of them.
var kinds = []string{
	"op write", "op remove", "op rename", "op mkdir", "op symlink", "op chmod", "op tree",
	"target absent", "target file", "target folder", "target link", "target hard-linked", "target read-only",
	"same path as the step before", "several files staged", "expectation that holds", "expectation that fails",
	"tree with prune", "tree with exclude", "tree with move", "level process", "level sync after level process",
	"kept for undo", "undo", "race", "race with a conflict", "refused after the commit point",
	"act replace", "act edit", "act delete", "act chmod", "act relink",
}

// optional are the kinds that a layer has only if its options ask for them.
func (o Options) optional(kind string) bool {
	switch {
	case strings.HasPrefix(kind, "act "):
		return !o.Acts
	case strings.HasPrefix(kind, "race"):
		return !o.Races
	case strings.HasPrefix(kind, "refused"):
		return !o.Refusals
	case strings.Contains(kind, "level process"):
		return !o.Process
	}
	return false
}

// Add counts what a workload is made of.
func (k Kinds) Add(w *Workload) {
	if len(w.Race) > 0 {
		w = w.Raced(0)
	}
	for i := range w.Steps {
		k.step(w, i)
	}
}

// Missing lists the kinds that were met less than floor times, of those that the options ask for.
func (k Kinds) Missing(o Options, floor int) []string {
	return slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return o.optional(kind) || k[kind] >= floor })
}

// String lists the counts.
func (k Kinds) String() string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(k)) {
		out = append(out, fmt.Sprintf("%s %d", kind, k[kind]))
	}
	return strings.Join(out, ", ")
}

func (k Kinds) step(w *Workload, i int) {
	s, was := &w.Steps[i], w.Before(i)
	if s.Act != nil {
		k["act "+string(s.Act.Kind)]++
		return
	}
	staged := 0
	for j := range s.Ops {
		o := &s.Ops[j]
		k.op(o, was)
		if o.Op == "write" || o.Op == "tree" {
			staged++
		}
		if o.Expect != nil && s.Exit != 3 {
			k["expectation that holds"]++
		}
	}
	for what, yes := range map[string]bool{
		"several files staged":           staged > 1,
		"expectation that fails":         s.Exit == 3,
		"refused after the commit point": s.Refuse > 0,
		"kept for undo":                  s.History > 0,
		"undo":                           s.Undo,
		"level process":                  s.Process,
		"race":                           s.Rival,
		"race with a conflict":           s.Rival && (s.Exit != 0 || w.Steps[i-1].Exit != 0),
		"level sync after level process": i > 0 && w.Steps[i-1].Process && !s.Process,
		"same path as the step before":   i > 0 && slices.ContainsFunc(s.Touched, func(p string) bool { return slices.Contains(w.Steps[i-1].Touched, p) }),
	} {
		if yes {
			k[what]++
		}
	}
}

func (k Kinds) op(o *Op, was Tree) {
	k["op "+o.Op]++
	p := o.Path
	if o.Op == "rename" {
		p = o.To
	}
	for _, state := range was.statesOf(p) {
		k["target "+state]++
		k[o.Op+" on "+state]++
	}
	for what, yes := range map[string]bool{
		"tree with prune": o.Prune, "tree with exclude": len(o.Exclude) > 0, "tree with move": o.Move,
	} {
		if yes {
			k[what]++
		}
	}
}

// statesOf names the states that what is at a path is in.
func (t Tree) statesOf(p string) (all []string) {
	n := t[p]
	switch {
	case n == nil:
		return []string{"absent"}
	case n.Kind == Folder:
		return []string{"folder"}
	case n.Kind == Link:
		return []string{"link"}
	}
	all = []string{"file"}
	if len(t.names(n.ID)) > 1 {
		all = append(all, "hard-linked")
	}
	if n.Mode&0o222 == 0 {
		all = append(all, "read-only")
	}
	return all
}
