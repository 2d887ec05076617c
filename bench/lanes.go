//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// newLanes makes the input of many commits of n files each. Lanes that run at the same time have a folder each.
func newLanes(dir string, lanes, commits, n int) (*input, error) {
	in := &input{lanes: make([][]*input, lanes)}
	for l := range lanes {
		at := "."
		if lanes > 1 {
			at = fmt.Sprintf("w%02d", l)
		}
		for c := range commits {
			one, err := newInputAt(filepath.Join(dir, "lanes", fmt.Sprintf("l%02d-c%03d", l, c)), at, n)
			if err != nil {
				return nil, err
			}
			in.lanes[l] = append(in.lanes[l], one)
		}
	}
	return in, nil
}

// commits lists all that are measured as one.
func (in *input) commits() []*input {
	if in.lanes == nil {
		return []*input{in}
	}
	var all []*input
	for _, lane := range in.lanes {
		all = append(all, lane...)
	}
	return all
}

// fillLanes gives every file of every commit content that no other one has.
func (in *input) fillLanes(round, size int) error {
	all := in.commits()
	for i, one := range all {
		if err := one.fill(round*len(all)+i, size); err != nil {
			return err
		}
	}
	return nil
}

// publish brings an input into place by a system: by one commit, or by many.
func (in *input) publish(ctx context.Context, t target) error {
	if in.lanes == nil {
		return t.publish(ctx, in)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, lane := range in.lanes {
		g.Go(func() error {
			for _, one := range lane {
				if err := t.publish(ctx, one); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// verifyLanes looks for what the last commit of each lane has left.
func (in *input) verifyLanes(ctx context.Context, open opener) error {
	for _, lane := range in.lanes {
		if err := lane[len(lane)-1].verify(ctx, open); err != nil {
			return err
		}
	}
	return nil
}
