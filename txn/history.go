package txn

import (
	"context"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// Kept is a transaction of which history keeps what it replaced; see Options.History.
type Kept struct {
	ID      string
	Time    time.Time // of the commit
	Message string
	// Key is the id given with SetID.
	Key string
	// Created, Changed and Removed count files and links.
	Created, Changed, Removed int
	// Bytes is the size of what is kept.
	Bytes int64
}

func keptOf(r *journal.Record) Kept {
	k := Kept{ID: r.ID.String(), Time: time.Unix(0, r.Created), Message: r.Message, Key: r.Key, Bytes: r.KeptBytes}
	if n := r.Counts; n != nil {
		k.Created, k.Changed, k.Removed = n.Created, n.Changed, n.Removed
	}
	return k
}

// History lists the transactions that Undo can take back, the newest first.
func (s *Store) History(ctx context.Context) ([]Kept, error) {
	var out []Kept
	err := s.withKept(ctx, false, func(_ *session, kept []*journal.Record) error {
		for _, r := range slices.Backward(kept) {
			out = append(out, keptOf(r))
		}
		return nil
	})
	return out, err
}

// Show tells of one transaction in the history what it changed. id may be shortened, as long as it is clear.
func (s *Store) Show(ctx context.Context, id string) (*Kept, []Change, error) {
	var k Kept
	var changes []Change
	err := s.withKept(ctx, false, func(ses *session, kept []*journal.Record) error {
		r, err := findKept(kept, id)
		if err != nil {
			return err
		}
		d, err := ses.env.OpenKept(r)
		if err != nil {
			return err
		}
		defer d.Close()
		k, changes = keptOf(r), changesOf(r)
		return nil
	})
	return &k, changes, err
}

// Cleared is what GC has deleted.
type Cleared struct {
	// Dropped are the transactions that are not in the history any more.
	Dropped []Kept
	// Swept counts what dead processes had staged, as in Report: what was found now, and what Open had found.
	Swept int
	// Left lists what could not be deleted of that, as in Report.
	Left []Left
}

// GC drops history beyond the last keep transactions, and what dead processes have left. What it has done is told also
// beside an error.
func (s *Store) GC(ctx context.Context, keep int) (*Cleared, error) {
	done := &Cleared{}
	if s.opts.ReadOnly {
		return done, errReadOnly()
	}
	s.mu.Lock()
	done.Swept, s.swept = s.swept, 0
	done.Left = s.left // all there is, unless there is a store: its recovery looks again
	s.mu.Unlock()
	err := s.withKept(ctx, true, func(ses *session, kept []*journal.Record) error {
		if ses == nil {
			return nil
		}
		if ses.readOnly {
			return recovery.PathError("write", journal.StateFolder, syscall.EROFS)
		}
		done.Swept, done.Left = done.Swept+ses.swept, ses.left
		for _, r := range kept[:max(0, len(kept)-max(0, keep))] {
			if err := ses.env.DropHistory(r.ID.String()); err != nil {
				return err
			}
			done.Dropped = append(done.Dropped, keptOf(r))
		}
		done.Left = append(done.Left, leftOver(ses.emptyTrash())...)
		return nil
	})
	return done, err
}

// withKept runs f with the records of the transactions in the history, in their order; without a store there are none, and
// no session. thorough is how it sweeps: see recovery.Env.
func (s *Store) withKept(ctx context.Context, thorough bool, f func(*session, []*journal.Record) error) error {
	if err := s.use(); err != nil {
		return err
	}
	defer func() { _ = s.drop() }()
	ran := false
	err := s.locked(ctx, newWaiter(s.opts.lockTimeout()), func(ses *session) error {
		ran = true
		if s.opts.ReadOnly {
			kept, err := ses.keptAsIs()
			if err != nil {
				return err
			}
			return f(ses, kept)
		}
		ses.env.Thorough = thorough
		rep, err := ses.recover(ctx)
		if err != nil {
			return err
		}
		return f(ses, rep.Kept)
	})
	if err == nil && !ran {
		err = f(nil, nil)
	}
	return err
}

// keptAsIs returns the records of the transactions in the history of a store in which nothing may be changed.
func (s *session) keptAsIs() ([]*journal.Record, error) {
	p, err := s.env.Look()
	if err == nil && p.Unfinished() {
		err = errPending(p.Outcomes()[0].ID)
	}
	if err != nil {
		return nil, err
	}
	return p.Kept(), nil
}

// use holds the store.
func (s *Store) use() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold()
}

// findKept finds a transaction by its id or the beginning of it; by default the last one.
func findKept(kept []*journal.Record, id string) (*journal.Record, error) {
	var found *journal.Record
	for _, r := range slices.Backward(kept) {
		if !strings.HasPrefix(r.ID.String(), id) {
			continue
		}
		if id == "" || r.ID.String() == id {
			return r, nil
		}
		if found != nil {
			return nil, invalidf("transaction %s is not clear: it begins the ids of several", id)
		}
		found = r
	}
	switch {
	case found != nil:
		return found, nil
	case id == "":
		return nil, missing{errors.New("there is no transaction in the history")}
	}
	return nil, missing{errors.Newf("transaction %s is not in the history", id)}
}

// changesOf lists what a kept transaction did, by path.
func changesOf(r *journal.Record) []Change {
	var out []Change
	from := map[journal.Inode]string{} // removed names of files that got another one
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Kind == journal.Remove && s.Flags&journal.Relinked != 0 {
			from[s.Old.Inode] = r.Path(s)
		}
	}
	renamed := map[string]bool{}
	for i := range r.Steps {
		s := &r.Steps[i]
		c := Change{Symbol: '+', Path: r.Path(s)}
		switch {
		case s.Kind == journal.Chmod:
			c.Symbol = 'm'
		case s.Kind == journal.Move:
			c = Change{Symbol: '>', Path: r.ToPath(s), From: r.Path(s)}
		case s.Kind == journal.Install && s.Flags&journal.Linked != 0 && from[s.New] != "":
			c.Symbol, c.From = '>', from[s.New]
			renamed[c.From] = true
		case s.Kind == journal.Install && s.Old.Kind != 0:
			c.Symbol = '~'
		case s.Kind == journal.Remove:
			c.Symbol = '-'
		}
		out = append(out, c)
	}
	for i := range r.Made {
		m := &r.Made[i]
		out = append(out, Change{Symbol: '+', Path: r.Path(&r.Steps[m.Step]) + "/" + m.Path})
	}
	out = slices.DeleteFunc(out, func(c Change) bool { return c.Symbol == '-' && renamed[c.Path] })
	slices.SortFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// history is how many transactions the history holds at most after this one.
func (tx *Tx) history() int {
	if tx.keepHistory {
		return math.MaxInt
	}
	return max(0, tx.store.opts.History)
}

// dropHistory takes out of history/ what is beyond the limit now that rec is finished, and the transaction that it undoes.
func (s *session) dropHistory(kept []*journal.Record, rec *journal.Record, tx *Tx) error {
	ids := []string{}
	for _, r := range kept {
		if id := r.ID.String(); id != tx.undoes {
			ids = append(ids, id)
		}
	}
	beyond := len(ids) - tx.history()
	if rec.Keep {
		beyond++
	} else if tx.stage.spread.Load() {
		beyond = len(ids) // see Result.NotKept
	}
	drop := ids[:max(0, min(beyond, len(ids)))]
	if tx.undoes != "" {
		drop = append(drop, tx.undoes)
	}
	var err error
	for _, id := range drop { // one that cannot go must not make the others stay
		err = errors.Join(err, s.env.DropHistory(id))
	}
	return err
}

// keep notes in the record what its place in the history takes.
func (p *preparer) keep(res *Result) {
	r := p.rec
	r.Undoes = p.tx.undone
	r.Consumed = slices.ContainsFunc(p.tx.ops, func(o op) bool {
		return o.Kind == manifest.Tree && o.Move && !strings.Contains(filepath.ToSlash(o.source()), "/"+journal.StateFolder+"/")
	})
	if p.tx.history() == 0 {
		return
	}
	if res.NotKept = p.stage.spread.Load(); res.NotKept {
		return // what it replaced is in the users' folders, where it cannot stay
	}
	r.Keep, r.KeptBytes = true, p.kept
	r.Counts = &journal.Counts{Created: res.Created, Changed: res.Changed, Removed: res.Removed}
	res.Kept = p.kept
}

// made gives what is below the new folders of a transaction that is kept, and its number.
func (p *preparer) made() (n int, all iter.Seq[journal.Made]) {
	if !p.rec.Keep {
		return 0, nil
	}
	return p.inside, func(yield func(journal.Made) bool) {
		for _, w := range p.sorted() {
			st := p.stage.staged.find(w.path())
			if w.inside() == nil || st == nil {
				continue
			}
			m := journal.Made{
				Step: p.tops[w.inside()], Path: w.path()[len(w.inside().path())+1:],
				Kind: journal.EntryKind(st.kind), Inode: journal.Inode(st.id),
			}
			if st.kind != fsys.Folder {
				m.Seal = recovery.Seal(st.info())
			}
			if !yield(m) {
				return
			}
		}
	}
}
