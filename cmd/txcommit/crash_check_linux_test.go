package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn"
)

// verdict is what a tree may be.
type verdict int

const (
	either verdict = iota
	old
	renewed
)

func (v verdict) String() string { return [...]string{"old or new", "old", "new"}[v] }

// checkTree checks that the tree is all old or all new, and what of both it may be; and that what no op names is
// untouched. It returns what the tree is.
func (s *stand) checkTree(may verdict) (verdict, error) {
	now, inodes, err := look(s.root())
	if err != nil {
		return either, err
	}
	toOld, toNew := now.differences(s.start), now.differences(s.want)
	is := renewed
	switch {
	case len(toOld) == 0:
		is = old
	case len(toNew) > 0:
		return either, fmt.Errorf("the tree is neither old (%s) nor new (%s)", strings.Join(toOld, "; "), strings.Join(toNew, "; "))
	}
	if may != either && may != is {
		return is, fmt.Errorf("the tree is %v, want %v", is, may)
	}
	for p, e := range s.start {
		if is == renewed && s.want[p] != e || strings.HasPrefix(e, "dir ") && inodes[p].Ino == s.inodes[p].Ino {
			continue
		}
		if inodes[p] != s.inodes[p] {
			return is, fmt.Errorf("%s, which is as it was: inode and mtime %v, want %v", p, inodes[p], s.inodes[p])
		}
	}
	return is, s.checkSource(is)
}

// checkSource checks that nothing of the source is lost: a moved one goes after the commit only.
func (s *stand) checkSource(is verdict) error {
	now, _, err := look(s.src())
	switch {
	case os.IsNotExist(err):
		now = layout{}
	case err != nil:
		return err
	}
	all, left := s.source.full(), s.source.full()
	if s.left != nil && is == renewed {
		left = s.left.full()
	}
	if diff := now.differences(all); is == old && len(diff) > 0 {
		return fmt.Errorf("source: %s", strings.Join(diff, "; "))
	}
	if !now.within(all) || !left.within(now) {
		return fmt.Errorf("source: %v, want all of %v and nothing but %v", now, left, all)
	}
	return nil
}

// checkRest checks a store after its recovery: clean, without litter, and recovered for good; and that the next
// transaction works.
func (s *stand) checkRest(t testing.TB, is verdict) error {
	ctx := context.Background()
	state, err := s.status(ctx)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if b, _ := json.Marshal(state); state.State != "clean" || state.Leftovers > 0 || len(state.Displaced) > 0 {
		return fmt.Errorf("status: %s, want clean", b)
	}
	litter, names, err := lookAtState(s.root())
	if err != nil || len(litter) > 0 {
		return fmt.Errorf("litter in .txcommit: %q (%v)", litter, err)
	}
	rep, err := txn.Recover(ctx, s.root(), nil)
	if err != nil || len(rep.Recovered) > 0 || rep.Swept > 0 {
		return fmt.Errorf("second recovery: %+v (%v), want nothing to do", rep, err)
	}
	if _, again, err := lookAtState(s.root()); err != nil || !slices.Equal(names, again) {
		return fmt.Errorf("second recovery: .txcommit has %q (%v), had %q", again, err, names)
	}
	if _, err := s.checkTree(is); err != nil {
		return fmt.Errorf("second recovery: %w", err)
	}
	if s.checks++; s.checks%4 == 0 { // it takes three commits
		if err := s.checkHistory(is); err != nil {
			return err
		}
	}
	return s.checkNext(t, is)
}

// checkHistory checks that what is new can be undone, whatever it went through; that the undo can be undone; and that
// there is nothing else in history/.
func (s *stand) checkHistory(is verdict) error {
	ctx := context.Background()
	st, err := txn.Open(ctx, s.root(), &txn.Options{History: 1})
	if err != nil {
		return err
	}
	defer st.Close()
	kept, err := st.History(ctx)
	if err != nil {
		return err
	}
	folders, err := os.ReadDir(filepath.Join(s.root(), ".txcommit/history"))
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(folders) != len(kept) || len(kept) > 1 {
		return fmt.Errorf("history/ holds %v (%v), History %+v", folders, err, kept)
	}
	if is != renewed || s.forgotten {
		return nil
	}
	for _, want := range []layout{s.start, s.want} {
		if _, err := st.Undo(ctx, "", txn.UndoOptions{Force: s.left != nil}); err != nil { // a moved source would be lost
			return fmt.Errorf("undo: %w", err)
		}
		now, _, err := look(s.root())
		if err != nil {
			return err
		}
		if diff := now.differences(want); len(diff) > 0 {
			return fmt.Errorf("after an undo: %s", strings.Join(diff, "; "))
		}
	}
	return nil
}

// status asks until the store is not busy: a child that another test is just starting holds our lock until its exec.
func (s *stand) status(ctx context.Context) (*txn.State, error) {
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		state, err := txn.Status(ctx, s.root(), nil)
		if err != nil || state.State != "busy" || time.Now().After(deadline) {
			return state, err
		}
	}
}

// checkNext checks that the store takes another transaction.
func (s *stand) checkNext(t testing.TB, is verdict) error {
	s.write(t, "next.json", `{"op": "write", "path": "next", "content": "next", "mode": "0644", "expect": "absent"}`)
	if err := s.commit("next.json", txn.Sync); err != nil {
		return fmt.Errorf("next transaction: %w", err)
	}
	want := s.start
	if is == renewed {
		want = s.want
	}
	now, _, err := look(s.root())
	if err != nil {
		return err
	}
	if diff := now.differences(want.with("next", "file 0644 next")); len(diff) > 0 {
		return fmt.Errorf("next transaction: %s", strings.Join(diff, "; "))
	}
	return s.checkJournal()
}

// checkJournal runs bbolt's own check.
func (s *stand) checkJournal() error {
	db, err := journal.OpenReadOnly(os.OpenFile, filepath.Join(s.root(), ".txcommit", "journal.db"))
	if err != nil {
		return err
	}
	return errors.Join(db.Check(), db.Close())
}
