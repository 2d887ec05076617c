package model_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/oracle"
)

// groupState is what a power cut has left of the writers.
type groupState struct {
	image *memfs.Image
	acked [writers]int
	how   string
	again bool // a recovery came before the power cut
}

// check says whether each writer's files are of one version, of none that is too old or too new, and nothing else is
// there.
func (s *groupState) check(m *memfs.Image) error {
	seen, err := model.Seen(m)
	if err != nil {
		return err
	}
	left := map[string]string{}
	for p, f := range seen.Tree {
		if !strings.Contains(p, "/") {
			continue // a folder
		}
		left[p] = f.Text
	}
	for i, acked := range s.acked {
		fits := func(v int) bool {
			want := content(i, v)
			if _, isNew := left[fmt.Sprintf("own%d/new", i)]; isNew != (v > 0) {
				return false
			}
			for p, text := range want {
				if left[p] != text {
					return false
				}
			}
			return true
		}
		if !fits(acked) && (acked == versions || !fits(acked+1)) {
			return fmt.Errorf("writer %d: its files are not those of version %d or %d", i, acked, acked+1)
		}
		for p := range content(i, 1) {
			delete(left, p)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("in the tree is also %q", slices.Sorted(maps.Keys(left)))
	}
	for _, p := range seen.State {
		if strings.HasPrefix(p, "stage/") {
			return fmt.Errorf(".txcommit/%s is left", p)
		}
	}
	return nil
}

// groupHunt looks at power cuts of one recording, with so many workers.
type groupHunt struct {
	*groupRun
	exe    string
	states int
	keep   bool // save what is found, for TestGroupReplay

	mu     sync.Mutex
	seen   map[uint64]bool
	counts struct {
		states, nested     int
		completed, several int // states in which a transaction, or more than one, had to be completed
	}
	bad []error
}

// explore looks at so many states as are wanted, until the first violations.
func (h *groupHunt) explore(dir string, seed uint64) error {
	h.seen = map[uint64]bool{}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			served := oracle.Serve(h.exe)
			w := &groupWorker{
				groupHunt: h, run: served.Run, dir: filepath.Join(dir, fmt.Sprint(i)), rng: rand.New(rand.NewPCG(seed, uint64(i))),
			}
			errs[i] = errors.Join(w.explore(), w.close(), served.Close())
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// wants counts a state that nobody has seen, and says whether to look at it.
func (h *groupHunt) wants(s *groupState) bool {
	id := s.image.Hash(s.image.Root)
	for _, v := range s.acked {
		id = id*31 + uint64(v)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen[id] {
		return false
	}
	h.seen[id] = true
	h.counts.states++
	return true
}

func (h *groupHunt) done() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts.states >= h.states || len(h.bad) > 0
}

// groupWorker shows states on a mount of its own.
type groupWorker struct {
	*groupHunt
	run   oracle.Runner
	dir   string
	mount *memfs.Mount
	shown int
	rng   *rand.Rand
}

func (w *groupWorker) close() error {
	if w.mount == nil {
		return nil
	}
	m := w.mount
	w.mount = nil
	return m.Close()
}

func (w *groupWorker) explore() error {
	for tries := 0; !w.done() && tries < 20*w.states; tries++ {
		p := 1 + w.rng.IntN(len(w.Events))
		for _, c := range w.cuts(w.Recording, p) {
			s := &groupState{image: w.State(c), acked: w.acked[p], how: w.Describe(c)}
			if err := w.visit(s, 8); err != nil {
				return err
			}
		}
	}
	return nil
}

// cuts are some power cuts at a point: that in which everything survives, that in which the least does, and one at random.
func (w *groupWorker) cuts(r *model.Recording, point int) []*model.Crash {
	out := []*model.Crash{{Point: point}}
	all := r.Crashes(point, 24, w.rng)
	if len(all) == 0 {
		return out
	}
	least := slices.MaxFunc(all, func(a, b *model.Crash) int { return len(a.Fates) - len(b.Fates) })
	return append(out, least, all[w.rng.IntN(len(all))])
}

// visit judges a state, and one in so many recoveries that have something to do is cut.
func (w *groupWorker) visit(s *groupState, often int) error {
	if !w.wants(s) {
		return nil
	}
	if w.shown++; w.shown%300 == 0 { // what the kernel keeps of a mount goes with it
		if err := w.close(); err != nil {
			return err
		}
	}
	if w.mount == nil {
		var err error
		if w.mount, err = memfs.New(w.dir, time.Hour); err != nil {
			return err
		}
	}
	rep, events, err := w.judge(s)
	w.count(s, rep, err)
	if err != nil || len(rep.Recovered)+rep.Swept == 0 || often == 0 || w.rng.IntN(often) > 0 {
		return nil
	}
	return w.nested(s, model.NewRecording(s.image, events))
}

func (h *groupHunt) count(s *groupState, rep *oracle.Report, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.bad = append(h.bad, fmt.Errorf("acknowledged were %v: %w\n%s\nreplay: %s", s.acked, err, s.how, h.again(s)))
		return
	}
	if s.again {
		h.counts.nested++
	}
	n := rep.Outcomes("completed")
	h.counts.completed += min(n, 1)
	h.counts.several += min(n/2, 1)
}

// nested cuts the recovery of a state at some points.
func (w *groupWorker) nested(s *groupState, rec *model.Recording) error {
	for range 3 {
		p := 1 + w.rng.IntN(len(rec.Events))
		for _, c := range w.cuts(rec, p) {
			n := &groupState{image: rec.State(c), acked: s.acked, how: s.how + "\nthen the recovery: " + rec.Describe(c), again: true}
			if err := w.visit(n, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge shows a state, recovers it twice and checks what that leaves. The events are those of the first recovery.
func (w *groupWorker) judge(s *groupState) (rep *oracle.Report, events []memfs.Event, err error) {
	at := fmt.Sprintf("w%d", w.shown)
	w.mount.Show(at, s.image)
	defer w.mount.Drop(at)
	w.mount.Exchange(!w.noExchange)
	w.mount.Tick()
	w.mount.Record(at, "mark")
	root := filepath.Join(w.mount.Dir, at, "root")
	rep, err = oracle.Recover(w.run, root)
	events = w.mount.Recorded()
	if err != nil {
		return nil, nil, err
	}
	if rep.Exit != 0 || len(rep.Displaced) > 0 {
		return nil, nil, fmt.Errorf("recovery: exit code %d, want 0 and nothing displaced\n%s", rep.Exit, rep.Text)
	}
	image := w.mount.Take(at)
	if err := s.check(image); err != nil {
		return nil, nil, err
	}
	again, err := oracle.Recover(w.run, root)
	if err != nil {
		return nil, nil, err
	}
	if again.Exit != 0 || again.Result != "clean" || len(again.Recovered)+again.Swept > 0 {
		return nil, nil, fmt.Errorf("second recovery: exit code %d, want nothing to do\n%s", again.Exit, again.Text)
	}
	before, err := model.Seen(image)
	if err != nil {
		return nil, nil, err
	}
	after, err := model.Seen(w.mount.Take(at))
	if err != nil {
		return nil, nil, err
	}
	return rep, events, oracle.SameSeen(before, after)
}
