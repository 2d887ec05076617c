//go:build linux

package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/txcommit/txcommit/crashtest/workload"
	"github.com/txcommit/txcommit/internal/supervise"
)

// limit bounds a process of the binary; none may be stuck for so long.
const limit = 2 * time.Minute

// An actor commits, undoes and edits in its own folder of the root.
type actor struct {
	*world
	*rand.Rand
	name    string
	sources string
	version int

	// What may be seen in the folder: all of states[settled:]. Views may find what was to be seen since they began.
	mu      sync.Mutex
	states  []tree
	settled int

	last   string // the transaction that may be undone
	before tree   // what it has changed
	at     int64  // how many runs of commands there were before it
}

// may says that the folder may be one of these trees from now on, too.
func (a *actor) may(trees ...tree) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.states = append(a.states, trees...)
}

// is says that the folder is this tree now, and nothing else.
func (a *actor) is(t tree) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.states = append(a.states, t)
	a.settled = len(a.states) - 1
}

// now is the tree that the folder is.
func (a *actor) now() tree {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.states[a.settled]
}

// since returns where the states begin that may be seen now, and those that may be seen since start.
func (a *actor) since(start int) (now int, seen []tree) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settled, a.states[start:]
}

func (a *actor) dir() string { return filepath.Join(a.root, a.name) }

// turn does one thing.
func (a *actor) turn() error {
	switch n := a.IntN(20); {
	case n < 13:
		return a.transact()
	case n < 15 && a.last != "":
		return a.undo()
	case n < 16:
		return a.edit()
	case n < 18:
		return a.view()
	default:
		return a.other()
	}
}

// transact does a transaction, whose process may be killed, or meet a foreign edit, at any of its calls.
func (a *actor) transact() error {
	defer a.empty()
	a.version++
	c := &change{Rand: a.Rand, prefix: a.name, sources: a.sources, old: a.now()}
	at := a.runs.Load()
	c.make(fmt.Sprint(a.version))
	shared := a.IntN(4) == 0
	if shared {
		text := fmt.Sprint(a.name, " ", a.version)
		c.ops = append(c.ops, workload.Op{Op: "write", Path: "shared", Content: &text})
	}
	m, err := c.manifest()
	if err = first(c.err, err); err != nil {
		return err
	}
	r := &try{actor: a, change: c, args: []string{"apply", "--history", strconv.Itoa(keep), m}, reach: 160}
	if c.fails {
		r.codes = map[int]bool{3: true}
	} else {
		r.codes = map[int]bool{0: true}
	}
	if err := r.run(); err != nil {
		return fmt.Errorf("%w\n%s", err, c.describe())
	}
	if r.committed {
		a.last, a.before, a.at = r.id, c.old, at
		if r.foreign != nil {
			a.last = ""
		}
	}
	return nil
}

// repeated is the rest of the lines of a content.
var repeated = regexp.MustCompile(`\\n[^"]*`)

func (c *change) describe() string {
	b, err := json.Marshal(c.ops)
	if err != nil {
		return err.Error()
	}
	return repeated.ReplaceAllString(string(b), "…")
}

// empty takes the sources away.
func (a *actor) empty() {
	_ = os.RemoveAll(a.sources)
	_ = os.Mkdir(a.sources, 0o755)
}

// undo takes the last transaction back. It is refused where somebody else has changed the shared file since, or has
// committed so much that it is not kept any more.
func (a *actor) undo() error {
	c := &change{Rand: a.Rand, old: a.now(), new: a.before}
	id := a.last
	a.last = ""
	r := &try{
		actor: a, change: c, args: []string{"undo", "--history", strconv.Itoa(keep), id}, reach: 120,
		codes: map[int]bool{0: true, 1: true, 3: true},
	}
	if err := r.run(); err != nil {
		return fmt.Errorf("undo of %s: %w", id, err)
	}
	if since := a.runs.Load() - a.at; strings.Contains(string(r.out.Stdout), `"not-found"`) && since < keep-actors {
		return fmt.Errorf("undo of %s: not kept any more, though there were only %d commands since", id, since)
	}
	a.count("undos", r.committed)
	return nil
}

// edit does what a program does that knows nothing of transactions: a new file in the place of one, or none.
func (a *actor) edit() error {
	c := &change{Rand: a.Rand, old: a.now(), claimed: []string{"mark"}}
	calm := c.calm()
	if len(calm) == 0 {
		return nil
	}
	p := calm[a.IntN(len(calm))]
	f := &foreign{path: p, drop: a.IntN(4) == 0}
	now, err := f.act(a, []tree{a.now()})
	if err != nil || len(now) == 1 {
		return err
	}
	a.is(now[1])
	a.last = ""
	return nil
}

// other runs a command that changes no file.
func (a *actor) other() error {
	c := &change{Rand: a.Rand, old: a.now(), new: a.now()}
	commands := [][]string{{"recover"}, {"status"}, {"gc", "--keep", strconv.Itoa(keep)}, {"history"}}
	r := &try{actor: a, change: c, args: commands[a.IntN(len(commands))], codes: map[int]bool{0: true}, reach: 40}
	if err := r.run(); err != nil {
		return fmt.Errorf("%s: %w", r.args[0], err)
	}
	return nil
}

// foreign is the act of a foreign program.
type foreign struct {
	path string
	drop bool
	mode string // that of the old file, which a write keeps
	text string // what it has put there
}

// act does it, unless a view looks at the tree just now: views are not protected from such programs. It returns the
// trees that may be there now: those that might be before, and each with the act done.
func (f *foreign) act(a *actor, may []tree) ([]tree, error) {
	if !a.viewing.TryLock() {
		return may, nil
	}
	defer a.viewing.Unlock()
	f.mode = "0644"
	if old := a.now()[f.path]; digestOf(old) != "" {
		f.mode = old[2:6]
	}
	mode, err := strconv.ParseUint(f.mode, 8, 32)
	if err != nil {
		return nil, err
	}
	f.text = fmt.Sprintf("foreign %s %016x", a.name, a.Uint64())
	was := len(may)
	for _, t := range may[:was] {
		t = maps.Clone(t)
		if delete(t, f.path); !f.drop {
			t[f.path] = file(f.mode, f.text)
		}
		may = append(may, t)
	}
	a.may(may[was:]...)
	at := filepath.Join(a.dir(), f.path)
	if f.drop {
		err := os.Remove(at)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		f.text = ""
		return may, err
	}
	temp := filepath.Join(a.disk.dir, "foreign-"+a.name)
	err = os.WriteFile(temp, []byte(f.text), 0o600)
	if err == nil {
		err = first(os.Chmod(temp, os.FileMode(mode)), os.Rename(temp, at))
	}
	if isFull(err) || errors.Is(err, fs.ErrNotExist) {
		f.text = ""
		return may[:was], os.RemoveAll(temp)
	}
	return may, err
}

// kept says that what a foreign program has written is still to be found.
func (f *foreign) kept(a *actor, seen tree) error {
	if f.text == "" || digestOf(seen[f.path]) == digest(f.text) {
		return nil
	}
	displaced, err := look(filepath.Join(a.root, stateFolder, "displaced"))
	for _, n := range displaced {
		if digestOf(n) == digest(f.text) {
			a.count("displaced", true)
			return nil
		}
	}
	return first(err, fmt.Errorf("%s: what a foreign program has written is lost: %q", f.path, f.text))
}

// A try is a run of the binary that may be killed, or meet a foreign program.
type try struct {
	*actor
	*change
	args  []string
	codes map[int]bool // how it may end with space enough
	reach int          // about how many calls it makes

	committed bool
	id        string
	foreign   *foreign
	must      bool // what the foreign program has written must not be lost
	killed    bool
	out       supervise.Result
	trees     []tree // which may be there
	fills     int    // how often the disk was full before
}

func (r *try) IntN(n int) int { return r.actor.IntN(n) }

func (r *try) run() error {
	r.trees = []tree{r.old, r.new}
	r.may(r.new)
	fault := supervise.Fault{}
	switch n := r.IntN(10); {
	case n < 4:
		fault = supervise.Fault{At: 1 + r.IntN(r.reach), Kill: true}
		if n < 2 { // most transactions have taken effect in part by their second rename
			fault.At, fault.Match = 1+r.IntN(10), isRename
		}
	case n < 6 && r.args[0] == "apply":
		r.race(&fault)
	}
	fills, full := r.disk.stage()
	r.fills = fills
	if full {
		r.fills-- // it was full at some time
	}
	if err := r.exec(fault); err != nil {
		return err
	}
	again, fullNow := r.disk.stage()
	r.killed = fault.Kill && r.out.Hit != nil
	r.count("killed", r.killed)
	r.count(r.args[0], true)
	if r.killed {
		return r.after()
	}
	return r.judge(full || fullNow || fills != again)
}

func isRename(c supervise.Call) bool { return strings.HasPrefix(c.Name, "rename") }

// race lets a foreign program act before one of the calls.
func (r *try) race(fault *supervise.Fault) {
	f := r.target()
	if f == nil {
		return
	}
	*fault = supervise.Fault{At: 1 + r.IntN(r.reach), Stop: func(supervise.Call) {
		trees, err := f.act(r.actor, r.trees)
		if r.err = first(r.err, err); len(trees) > len(r.trees) {
			r.trees, r.foreign = trees, f
			r.count("foreign edits in a commit", true)
		}
	}}
	r.codes[3], r.codes[1] = true, true // a conflict, or something that is gone
}

// target is a path for a foreign program: one that the transaction writes or removes, or has nothing to do with.
func (r *try) target() *foreign {
	named := append(r.calm(), r.single...)
	if len(named) == 0 {
		return nil
	}
	f := &foreign{path: named[r.IntN(len(named))], drop: r.IntN(4) == 0}
	if r.old[f.path] == "" {
		f.drop = false
	}
	r.must = true
	for _, p := range r.single {
		if p == f.path { // without a condition it may be what the transaction has found, and has replaced
			r.must = false
		}
	}
	for _, p := range r.expected {
		r.must = r.must || p == f.path
	}
	return f
}

func (r *try) exec(fault supervise.Fault) error {
	args := append([]string{r.bin}, r.args...)
	args = append(args, "--root", r.root, "-o", "json", "--lock-timeout", "90s")
	r.runs.Add(1)
	var err error
	r.out, err = supervise.Run(fault, supervise.Options{Timeout: limit}, args...)
	r.count("recovered", strings.Contains(string(r.out.Stdout), `"outcome"`))
	return first(r.err, err)
}

// judge checks what a process has said that has ended by itself.
func (r *try) judge(full bool) error {
	code := r.out.ExitCode
	r.count(fmt.Sprint("exit ", code), true)
	if r.starved(full) {
		return r.after()
	}
	if !r.codes[code] && (!full || code != 1 && code != 7) {
		return fmt.Errorf("exit code %d (full: %t)\n%s%s", code, full, r.out.Stdout, r.out.Stderr)
	}
	var said struct{ ID string }
	if err := json.Unmarshal([]byte(r.out.Stdout), &said); err != nil && code == 0 && r.args[0] == "apply" {
		return fmt.Errorf("%w: %s", err, r.out.Stdout)
	}
	r.id = said.ID
	r.committed = code == 0 || code == 7
	var trees []tree // without and with the act of a foreign program
	for i, t := range r.trees {
		if (i%2 == 1) == r.committed {
			trees = append(trees, t)
		}
	}
	r.trees = trees
	return r.settle()
}

// after lets foreign programs act on what a killed process has left, and recovers: more than once, if that is killed too.
func (r *try) after() error {
	if f := r.target(); f != nil && r.args[0] == "apply" && r.IntN(4) == 0 {
		trees, err := f.act(r.actor, r.trees)
		if err != nil {
			return err
		}
		if len(trees) > len(r.trees) {
			r.trees, r.foreign = trees, f
			r.count("foreign edits after a kill", true)
		}
	}
	kept := *r
	for r.args = []string{"recover"}; r.IntN(3) == 0; {
		if err := r.exec(supervise.Fault{At: 1 + r.IntN(80), Kill: true}); err != nil {
			return err
		}
		r.count("killed recoveries", r.out.Hit != nil)
	}
	if err := r.exec(supervise.Fault{}); err != nil {
		return err
	}
	if fills, full := r.disk.stage(); r.starved(full || r.fills != fills) {
		if err := first(r.disk.relieve(), r.exec(supervise.Fault{})); err != nil {
			return err
		}
	}
	if r.out.ExitCode != 0 {
		return fmt.Errorf("recover after a kill: exit code %d\n%s%s", r.out.ExitCode, r.out.Stdout, r.out.Stderr)
	}
	r.args = kept.args
	return r.settle()
}

// starved says that a process could neither go on nor back on a full btrfs, which may refuse any rename then.
func (r *try) starved(full bool) bool {
	yes := full && r.fs.Type == "btrfs" && (r.out.ExitCode == 5 || r.args[0] == "recover" && r.out.ExitCode == 1) &&
		strings.Contains(string(r.out.Stdout), "no space left on device")
	r.count("waits for space", yes)
	return yes
}

// settle checks the tree against those that may be there.
func (r *try) settle() error {
	seen, err := look(r.dir())
	if err != nil {
		return err
	}
	if err := oneOf(seen, r.trees); err != nil {
		return fmt.Errorf("killed: %t, exit code %d: %w\n%s%s", r.killed, r.out.ExitCode, err, r.out.Stdout, r.out.Stderr)
	}
	if r.foreign != nil && r.must {
		if err := r.foreign.kept(r.actor, seen); err != nil {
			return err
		}
	}
	if r.killed || r.foreign != nil {
		r.last = ""
	}
	r.is(seen)
	return nil
}
