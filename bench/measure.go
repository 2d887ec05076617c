//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// bench is one run over one device.
type bench struct {
	device  *device
	systems []*system
	runs    int
	cli     string            // the path of the command
	tools   map[string]string // the folders of the systems that had something to install
	report  *report
}

// sample is one measurement.
type sample struct {
	Time    time.Duration `json:"ns"`
	CPU     time.Duration `json:"cpu_ns"` // of this process and its children; a kernel thread's is not in it
	Flushes int64         `json:"flushes"`
	Bytes   int64         `json:"bytes"` // written to the device
	// After and AfterCPU are what else had to be done, or waited for, after the call had returned. They are not in Time
	// and CPU, and what follows in the report does not run beside them.
	After    time.Duration `json:"after_ns"`
	AfterCPU time.Duration `json:"after_cpu_ns"`
}

// contestant is a system with its folder and its samples.
type contestant struct {
	*system
	root    string
	target  target
	samples []sample
}

func (b *bench) all(ctx context.Context, ws []*workload) error {
	b.report.begin(b.device)
	for _, w := range ws {
		run := w.special
		if run == nil {
			run = rounds
		}
		if err := run(ctx, b, w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// rounds runs all systems through a workload, in turn.
func rounds(ctx context.Context, b *bench, w *workload) (err error) {
	return b.scratch(w, func(dir string) error {
		in, err := w.begin(ctx, dir)
		if err != nil {
			return err
		}
		all, err := b.contestants(ctx, dir, in)
		for _, c := range all {
			defer func() { _ = c.target.close() }()
		}
		if err != nil {
			return err
		}
		for round := range w.runs(b.runs) + 1 {
			if err := b.round(ctx, w, in, all, round); err != nil {
				return err
			}
		}
		return b.conclude(ctx, w, in, all)
	})
}

// scratch runs f in a folder of the device that is gone afterwards.
func (b *bench) scratch(w *workload, f func(dir string) error) error {
	progress("%s: %s", b.device.Name, w.name)
	dir := filepath.Join(b.device.dir, w.name)
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}

func (b *bench) contestants(ctx context.Context, dir string, in *input) (all []*contestant, err error) {
	for _, s := range b.systems {
		if !s.can(in) {
			continue
		}
		c := &contestant{system: s, root: filepath.Join(dir, s.name)}
		if err := os.Mkdir(c.root, 0o777); err != nil {
			return all, err
		}
		if c.target, err = s.open(ctx, b, c.root); err != nil {
			return all, fmt.Errorf("%s: %w", s.name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func (b *bench) round(ctx context.Context, w *workload, in *input, all []*contestant, round int) error {
	if err := w.next(in, round); err != nil {
		return err
	}
	for _, c := range all {
		if w.fresh {
			if err := os.RemoveAll(filepath.Join(c.root, in.at)); err != nil {
				return err
			}
		}
		s, err := b.sampleOf(ctx, c.target, in)
		if err != nil {
			return fmt.Errorf("%s, round %d: %w", c.name, round, err)
		}
		if round > 0 {
			c.samples = append(c.samples, s)
		}
	}
	return nil
}

// sampleOf measures a target with an input, and what the target leaves to be done after it has returned.
func (b *bench) sampleOf(ctx context.Context, t target, in *input) (sample, error) {
	if err := prepare(ctx, t, in); err != nil {
		return sample{}, err
	}
	outside := used(t)
	s, err := b.sample(func() error { return in.publish(ctx, t) })
	if err != nil {
		return s, err
	}
	s.CPU += used(t) - outside
	if t, ok := t.(settler); ok {
		cpu, start := cpuTime(), time.Now()
		err = t.settle(ctx)
		s.After, s.AfterCPU = time.Since(start), cpuTime()-cpu
	}
	return s, err
}

// sample measures one call.
func (b *bench) sample(f func() error) (sample, error) {
	runtime.GC() // garbage of the call before would be collected on the clock of this one
	if err := b.device.sync(); err != nil {
		return sample{}, err
	}
	before, err := b.device.counters()
	if err != nil {
		return sample{}, err
	}
	cpu, start := cpuTime(), time.Now()
	err = f()
	took, used := time.Since(start), cpuTime()-cpu
	if err != nil {
		return sample{}, err
	}
	after, err := b.device.counters()
	return sample{
		Time: took, CPU: used,
		Flushes: after.flushes - before.flushes, Bytes: (after.sectors - before.sectors) * sectorSize,
	}, err
}

// cpuTime is what this process and its children that have ended have used of the processors.
func cpuTime() (d time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u) // fails for other arguments only
		d += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return d
}

// conclude checks that every system has done its work, and reports.
func (b *bench) conclude(ctx context.Context, w *workload, in *input, all []*contestant) error {
	for _, c := range all {
		if err := in.verify(ctx, openerOf(c.target, c.root)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rest, err := diskUsage(filepath.Join(c.root, ".txcommit"))
		if err != nil {
			return err
		}
		b.report.add(b.device, w, c, len(in.commits()), rest)
	}
	return nil
}

// diskUsage is how many bytes of the device a folder takes; 0 if there is none.
func diskUsage(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err == nil {
			n += i.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return n, err
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
