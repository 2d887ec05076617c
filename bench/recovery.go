//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// measureRecovery compares the recovery of a commit that was killed while it applied with a whole commit, and with what
// such a commit does after its commit point.
func measureRecovery(ctx context.Context, b *bench, w *workload) error {
	return b.scratch(w, func(dir string) error {
		in, err := newInput(dir, 10_000)
		if err != nil {
			return err
		}
		t := commandTarget{b.cli, filepath.Join(dir, "store"), nil}
		if err := os.Mkdir(t.root, 0o777); err != nil {
			return err
		}
		var whole, applied, recovered []sample
		var left int
		for round := 0; len(recovered) < b.runs; round++ {
			if round > 4*b.runs {
				return errors.New("the commit is over too soon to be killed in it")
			}
			if err := in.fill(2*round, blockSize); err != nil {
				return err
			}
			var apply time.Duration
			s, err := b.sample(func() (err error) { apply, err = applyPhase(ctx, t.root, in); return err })
			if err != nil {
				return err
			}
			if err := in.fill(2*round+1, blockSize); err != nil {
				return err
			}
			if left, err = cutCommit(ctx, t, in); err != nil {
				return err
			}
			if left == 0 {
				continue // it was quicker than we
			}
			r, err := b.sample(func() error { _, err := txn.Recover(ctx, t.root, nil); return err })
			if err != nil {
				return err
			}
			if err := in.verify(ctx, below(t.root)); err != nil {
				return fmt.Errorf("recovered: %w", err)
			}
			whole, applied, recovered = append(whole, s), append(applied, sample{Time: apply}), append(recovered, r)
		}
		b.report.note(b.device, w, "a whole commit of the library: %s, %d flushes; its apply phase, with the deletion of what was replaced: %s",
			ms(median(whole).Time), median(whole).Flushes, ms(median(applied).Time))
		b.report.note(b.device, w, "recovery of one that was killed (the last time with %d of %d files left to do): %s, %d flushes",
			left, len(in.files), ms(median(recovered).Time), median(recovered).Flushes)
		return nil
	})
}

// applyPhase commits by the library, and returns how long that took from the record on. What was replaced is deleted by
// then, as a recovery does it.
func applyPhase(ctx context.Context, root string, in *input) (time.Duration, error) {
	var point time.Time
	st, err := txn.Open(ctx, root, &txn.Options{Progress: func(p txn.Progress) {
		if p.Phase == txn.PhaseCommit && point.IsZero() {
			point = time.Now()
		}
	}})
	if err != nil {
		return 0, err
	}
	err = libraryTarget{st, txn.TreeOptions{}}.publish(ctx, in)
	err = errors.Join(err, st.Close())
	return time.Since(point), err
}

// cutCommit kills a commit as soon as it can be seen in the tree, and counts the files that it did not get to.
func cutCommit(ctx context.Context, t commandTarget, in *input) (left int, err error) {
	first := filepath.Join(t.root, slices.Min(in.files))
	was, err := os.Stat(first)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, t.cli, "apply", "-q", "-C", t.root, in.manifest)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if now, err := os.Stat(first); err == nil && !os.SameFile(was, now) {
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed, or ended before
	for i, name := range in.files {
		b, err := os.ReadFile(filepath.Join(t.root, name))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(b, in.data[i]) {
			left++
		}
	}
	return left, ctx.Err()
}
