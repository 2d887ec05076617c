//go:build linux

package soak

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/crashtest/workload"
)

// A change is a transaction that is made up, and what it makes of an actor's tree.
type change struct {
	*rand.Rand
	prefix  string // of all paths: the actor's folder
	sources string // a folder for the sources of tree ops, outside the root
	ops     []workload.Op
	old     tree
	new     tree
	claimed []string
	// single are the paths with a write or a remove of their own; of these the expected ones are conditions that hold.
	single, expected []string
	fails            bool // a condition does not hold
	err              error
}

// text makes content that is not there twice: a few pages, at times more.
func (c *change) text() string {
	line := fmt.Sprintf("%s %016x\n", c.prefix, c.Uint64())
	lines := 1 + c.IntN(300)
	if c.IntN(20) == 0 {
		lines *= 40
	}
	return strings.Repeat(line, lines)
}

// claim says that p, and all below it, is of one op alone.
func (c *change) claim(p string) bool {
	for _, q := range c.claimed {
		if p == q || strings.HasPrefix(p, q+"/") || strings.HasPrefix(q, p+"/") {
			return false
		}
	}
	c.claimed = append(c.claimed, p)
	return true
}

func (c *change) add(o workload.Op) {
	for _, p := range []*string{&o.Path, &o.From, &o.To} {
		if *p != "" {
			*p = c.prefix + "/" + *p
		}
	}
	c.ops = append(c.ops, o)
}

// place is the path of a file, a link, or of nothing yet.
func (c *change) place() string {
	folders := []string{"", "d/", "d/e/", "n/"}
	return fmt.Sprint(folders[c.IntN(len(folders))], "f", c.IntN(8))
}

// make makes a change of some ops, and always of the mark.
func (c *change) make(mark string) {
	c.new = maps.Clone(c.old)
	c.claim("mark")
	c.new["mark"] = file("0644", mark)
	c.add(workload.Op{Op: "write", Path: "mark", Content: &mark})
	motifs := []func(){c.write, c.write, c.write, c.remove, c.rename, c.chmod, c.symlink, c.tree, c.removeTree, c.moveTree}
	for range 1 + c.IntN(6) {
		motifs[c.IntN(len(motifs))]()
	}
}

// parents are made as needed.
func (c *change) parents(p string) {
	for d := filepath.Dir(p); d != "."; d = filepath.Dir(d) {
		if c.new[d] == "" {
			c.new[d] = "d 0755"
		}
	}
}

func (c *change) write() {
	p := c.place()
	if strings.HasPrefix(c.old[p], "l ") || !c.claim(p) {
		return
	}
	text, mode := c.text(), "0644"
	o := workload.Op{Op: "write", Path: p, Content: &text}
	if old := c.old[p]; old != "" {
		mode = old[2:6]
	}
	if c.IntN(4) == 0 {
		mode = "0600"
		o.Mode = mode
	}
	if c.IntN(2) == 0 {
		o.Expect = c.expect(p)
		c.expected = append(c.expected, p)
		if c.IntN(15) == 0 {
			c.fails, o.Expect = true, map[string]string{"sha256": digest("something else")}
		}
	}
	c.new[p] = file(mode, text)
	c.parents(p)
	c.single = append(c.single, p)
	c.add(o)
}

func (c *change) expect(p string) any {
	if d := digestOf(c.old[p]); d != "" {
		return map[string]string{"sha256": d}
	}
	return "absent"
}

func (c *change) remove() {
	p := c.place()
	if c.old[p] == "" || !c.claim(p) {
		return
	}
	o := workload.Op{Op: "remove", Path: p}
	if digestOf(c.old[p]) != "" && c.IntN(2) == 0 {
		o.Expect = c.expect(p)
		c.expected = append(c.expected, p)
	}
	delete(c.new, p)
	c.single = append(c.single, p)
	c.add(o)
}

// rename renames one file over another one or to a free place, or swaps two.
func (c *change) rename() {
	from, to := c.place(), c.place()
	if from == to || digestOf(c.old[from]) == "" || strings.HasPrefix(c.old[to], "l ") || !c.claim(from) || !c.claim(to) {
		return
	}
	c.new[to] = c.old[from]
	c.parents(to)
	if c.old[to] != "" && c.IntN(2) == 0 {
		c.new[from] = c.old[to]
		c.add(workload.Op{Op: "rename", From: to, To: from})
		c.add(workload.Op{Op: "rename", From: from, To: to})
		return
	}
	delete(c.new, from)
	c.add(workload.Op{Op: "rename", From: from, To: to, Replace: true})
}

func (c *change) chmod() {
	p := c.place()
	if digestOf(c.old[p]) == "" || !c.claim(p) {
		return
	}
	mode := []string{"0644", "0640", "0755"}[c.IntN(3)]
	c.new[p] = "f " + mode + c.old[p][6:]
	c.add(workload.Op{Op: "chmod", Path: p, Mode: mode})
}

func (c *change) symlink() {
	p := c.place()
	if !c.claim(p) {
		return
	}
	target := fmt.Sprint("nowhere", c.IntN(100))
	c.new[p] = "l " + target
	c.parents(p)
	c.add(workload.Op{Op: "symlink", Path: p, Target: target})
}

// tree makes a folder anew, with prune.
func (c *change) tree() {
	p := []string{"t", "u", "d/t"}[c.IntN(3)]
	if !c.claim(p) {
		return
	}
	src, err := os.MkdirTemp(c.sources, "tree-")
	if err == nil {
		err = os.Chmod(src, 0o755)
	}
	c.parents(p)
	c.new.remove(p)
	c.new[p] = "d 0755"
	for k := range c.IntN(12) {
		name, text := fmt.Sprint("x/"[:2*(k%2)], k), c.text()
		if k%2 == 1 {
			c.new[p+"/x"] = "d 0755"
		}
		c.new[p+"/"+name] = file("0644", text)
		err = first(err, os.MkdirAll(filepath.Join(src, filepath.Dir(name)), 0o755),
			os.WriteFile(filepath.Join(src, name), []byte(text), 0o644))
	}
	c.err = first(c.err, err)
	c.add(workload.Op{Op: "tree", Path: p, Source: src, Prune: true})
}

func (c *change) removeTree() {
	if c.old["t"] != "" && c.claim("t") {
		c.new.remove("t")
		c.add(workload.Op{Op: "remove", Path: "t", Recursive: true})
	}
}

// moveTree renames a folder.
func (c *change) moveTree() {
	if c.old["u"] == "" || c.old["v"] != "" || !c.claim("u") || !c.claim("v") {
		from, to := "v", "w"
		if c.old[from] != "" && c.old[to] == "" && c.claim(from) && c.claim(to) {
			c.move(from, to)
		} else if c.old[to] != "" && c.claim(to) {
			c.new.remove(to)
			c.add(workload.Op{Op: "remove", Path: to, Recursive: true})
		}
		return
	}
	c.move("u", "v")
}

func (c *change) move(from, to string) {
	for p, n := range c.old.below(from) {
		c.new[to+"/"+p] = n
	}
	c.new[to] = c.old[from]
	c.new.remove(from)
	c.add(workload.Op{Op: "rename", From: from, To: to})
}

// calm are the files that no op names, nor anything above them.
func (c *change) calm() []string {
	var out []string
	for _, p := range slices.Sorted(maps.Keys(c.old)) {
		named := slices.ContainsFunc(c.claimed, func(q string) bool { return p == q || strings.HasPrefix(p, q+"/") })
		if digestOf(c.old[p]) != "" && !named {
			out = append(out, p)
		}
	}
	return out
}

// manifest writes the manifest to a file, and returns its path.
func (c *change) manifest() (string, error) {
	b, err := json.Marshal(map[string]any{"version": 1, "message": c.prefix, "ops": c.ops})
	if err != nil {
		return "", err
	}
	at := filepath.Join(c.sources, "manifest.json")
	return at, os.WriteFile(at, b, 0o600)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
