//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// installed installs what some systems need, into folders that remove removes: tools has them by the name of the system.
// Systems for which that is not possible here are left out.
func installed(ctx context.Context, ss []*system, rep *report) (there []*system, tools map[string]string, remove func(), err error) {
	base, err := os.MkdirTemp("", "txcommit-bench-tools-")
	if err != nil {
		return nil, nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(base) }
	tools = map[string]string{}
	for _, s := range ss {
		if s.install != nil {
			tools[s.name] = filepath.Join(base, s.name)
			err := os.Mkdir(tools[s.name], 0o777)
			if err == nil {
				progress("install %s", s.name)
				err = s.install(ctx, tools[s.name])
			}
			if errors.Is(err, errNeeds) && ctx.Err() == nil {
				rep.leave(s.name+" is not installed", err)
				continue
			}
			if err != nil {
				remove()
				return nil, nil, nil, err
			}
		}
		there = append(there, s)
	}
	return there, tools, remove, nil
}
