//go:build unix

package txn_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/txn/manifest"
)

// The model says in the simplest terms what the contract's "all ops mean the state before the transaction" comes to:
// a tree in memory, ops resolved against it as it was, a list of claims on paths, and a new tree. It shares no code
// with the product, and knows nothing of steps, stages or locks.

// modelNode is a file, folder or link. Two names of one file are two entries with one node.
type modelNode struct {
	kind    byte // 'f', 'd', 'l'
	mode    uint32
	content string // of a file; of a link its target
	kids    map[string]*modelNode
}

func modelFolder(mode uint32) *modelNode {
	return &modelNode{kind: 'd', mode: mode, kids: map[string]*modelNode{}}
}

// at returns what is at a canonical path, nil if nothing is.
func (n *modelNode) at(p string) *modelNode {
	if p == "" {
		return n
	}
	for name := range strings.SplitSeq(p, "/") {
		if n == nil || n.kind != 'd' {
			return nil
		}
		n = n.kids[name]
	}
	return n
}

// put sets or (nil) removes what is at a canonical path, whose folder must exist.
func (n *modelNode) put(p string, what *modelNode) {
	dir, name := modelSplit(p)
	kids := n.at(dir).kids
	if what == nil {
		delete(kids, name)
		return
	}
	kids[name] = what
}

// clone copies the folders and keeps the nodes of files and links, so that hard links stay together.
func (n *modelNode) clone() *modelNode {
	if n.kind != 'd' {
		return n
	}
	c := modelFolder(n.mode)
	for name, k := range n.kids {
		c.kids[name] = k.clone()
	}
	return c
}

// lines lists the tree below n, one line an entry: path, kind, mode, content.
func (n *modelNode) lines(prefix string, out []string) []string {
	for _, name := range slices.Sorted(maps.Keys(n.kids)) {
		k := n.kids[name]
		p := prefix + name
		switch k.kind {
		case 'd':
			out = k.lines(p+"/", append(out, fmt.Sprintf("%s/ %04o", p, k.mode)))
		case 'f':
			out = append(out, fmt.Sprintf("%s %04o %q", p, k.mode, k.content))
		case 'l':
			out = append(out, fmt.Sprintf("%s -> %s", p, k.content))
		}
	}
	return out
}

func modelSplit(p string) (dir, name string) {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i], p[i+1:]
	}
	return "", p
}

func modelJoin(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// modelFault is the class of an error.
type modelFault string

const (
	faultInvalid  modelFault = "invalid"
	faultConflict modelFault = "conflict"
	faultOther    modelFault = "other" // the tree refuses; links that leave the root are among it
)

// folder resolves a path to a folder as the kernel would, from a canonical folder on, never leaving the root.
// Folders that are missing at the end of the path are what the transaction would make.
func (n *modelNode) folder(from, p string, links *int) (string, bool) {
	for name := range strings.SplitSeq(p, "/") {
		here := n.at(from)
		switch {
		case name == "" || name == ".":
			continue
		case name == "..":
			if from == "" || here == nil {
				return "", false
			}
			from, _ = modelSplit(from)
			continue
		}
		next := modelJoin(from, name)
		k := n.at(next)
		switch {
		case k == nil || k.kind == 'd':
			from = next
		case k.kind == 'f':
			return "", false
		default:
			*links++
			if *links > 40 || strings.HasPrefix(k.content, "/") {
				return "", false
			}
			to, ok := n.folder(from, k.content, links)
			if !ok || n.at(to) == nil {
				return "", false
			}
			from = to
		}
	}
	return from, true
}

// resolve returns the canonical path of an op's path.
func (n *modelNode) resolve(p string, follow bool) (string, bool) {
	dir, name := modelSplit(p)
	links := 0
	dir, ok := n.folder("", dir, &links)
	if !ok {
		return "", false
	}
	at := modelJoin(dir, name)
	for links := 0; follow && n.at(at) != nil && n.at(at).kind == 'l'; {
		target := n.at(at).content
		if links++; links > 40 || strings.HasPrefix(target, "/") {
			return "", false
		}
		from, _ := modelSplit(at)
		to, last := modelSplit(target)
		if last == "" || last == "." || last == ".." {
			to, last = target, ""
		}
		if to, ok = n.folder(from, to, &links); !ok {
			return "", false
		}
		if last != "" {
			to = modelJoin(to, last)
		}
		if to == "" || n.at(to) == nil {
			return "", false // the root itself, or dangling
		}
		at = to
	}
	return at, true
}

// modelClaim is what one op wants of one path.
type modelClaim struct {
	op   int
	path string
	role byte // 'f' a rename's old name, 'g' gone, 'n' something new, 'd' a new folder, 'm' a mode or nothing
	to   bool // the new name of a rename
	node *modelNode
	mode int // of role m; -1: as it is
}

// model is one run of a transaction over a tree.
type model struct {
	was    *modelNode
	umask  uint32
	ops    []manifest.Op
	trees  map[int]*modelNode // the sources of tree ops
	claims []modelClaim
	faults map[modelFault]bool
	froms  map[string]bool // the paths that renames and removes take away
}

func (m *model) fault(f modelFault) { m.faults[f] = true }

func (m *model) claim(i int, path string, role byte, node *modelNode) {
	m.claims = append(m.claims, modelClaim{op: i, path: path, role: role, node: node, mode: -1})
}

// each calls f for everything below n.
func (n *modelNode) each(prefix string, f func(p string, n *modelNode)) {
	for name, k := range n.kids {
		f(prefix+name, k)
		if k.kind == 'd' {
			k.each(prefix+name+"/", f)
		}
	}
}

// unclear says that two ops give one file two modes by two of its names: nothing says which of them stays.
func (m *model) unclear() bool {
	modes := map[*modelNode]int{}
	for _, c := range m.claims {
		if n := m.was.at(c.path); c.mode >= 0 {
			if other, ok := modes[n]; ok && other != c.mode {
				return true
			}
			modes[n] = c.mode
		}
	}
	return false
}
