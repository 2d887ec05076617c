//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
)

// settings are the flags.
type settings struct {
	devices, workloads, systems string
	runs, warm                  int
	dir, json, out, plots       string
	profile                     string
}

func main() {
	isolated(func() int {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := run(ctx, parseFlags()); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return 0
	})
}

func parseFlags() *settings {
	s := &settings{}
	flag.StringVar(&s.devices, "devices", defaultDevices(),
		"comma-separated: folders, or as root file systems for an image: "+strings.Join(imageKinds(), ", "))
	flag.StringVar(&s.workloads, "workloads", "all", "comma-separated: "+strings.Join(names(workloads()), ", "))
	flag.StringVar(&s.systems, "systems", "all", "comma-separated: "+strings.Join(names(systems()), ", "))
	flag.IntVar(&s.runs, "runs", 5, "rounds that are counted, for the median")
	flag.IntVar(&s.warm, "warm", 20, "GiB of memory that are touched before, at most; less if less is free")
	flag.StringVar(&s.dir, "dir", os.TempDir(), "where images are made; they need up to 24 GiB")
	flag.StringVar(&s.json, "json", "", "write the results to this file as JSON")
	flag.StringVar(&s.out, "out", "", "write the report to this file instead of standard output")
	flag.StringVar(&s.plots, "plots", "", "draw times and flushes against the number of files into this folder, as SVG")
	flag.StringVar(&s.profile, "cpuprofile", "", "write a profile of this process: use with -systems library")
	flag.Parse()
	return s
}

func defaultDevices() string {
	if os.Geteuid() == 0 {
		return "ext4"
	}
	return "."
}

// run measures what the settings ask for and reports. What was measured before an error is reported too.
func run(ctx context.Context, s *settings) (err error) {
	if s.runs < 1 {
		return errors.New("-runs must be at least 1")
	}
	ws, err := pick("workload", workloads(), s.workloads)
	if err != nil {
		return err
	}
	ss, err := pick("system", systems(), s.systems)
	if err != nil {
		return err
	}
	cli, remove, err := buildCLI(ctx)
	if err != nil {
		return err
	}
	defer remove()
	rep := newReport(ss)
	there, tools, uninstall, err := installed(ctx, ss, rep)
	if err != nil {
		return err
	}
	defer uninstall()
	if rep.Warmed, err = warm(ctx, int64(s.warm)<<30); err != nil {
		return err
	}
	stop, err := profileTo(s.profile)
	if err != nil {
		return err
	}
	defer stop()
	err = onDevices(ctx, s, rep, func(d *device) error {
		return (&bench{device: d, systems: there, runs: s.runs, cli: cli, tools: tools, report: rep}).all(ctx, ws)
	})
	return errors.Join(err, rep.write(s.out, s.json, s.plots))
}

// onDevices runs f on each device that can be had.
func onDevices(ctx context.Context, s *settings, rep *report, f func(*device) error) error {
	for _, name := range strings.Split(s.devices, ",") {
		err := onDevice(ctx, name, s.dir, f)
		switch {
		case errors.Is(err, errNeeds):
			rep.leave(name, err)
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// named is what a flag picks by name.
type named interface{ id() string }

func names[T named](all []T) []string {
	var out []string
	for _, x := range all {
		out = append(out, x.id())
	}
	return out
}

func pick[T named](what string, all []T, list string) ([]T, error) {
	if list == "all" {
		return all, nil
	}
	var out []T
	for _, name := range strings.Split(list, ",") {
		i := slices.Index(names(all), name)
		if i < 0 {
			return nil, fmt.Errorf("there is no %s %q; there are %s", what, name, strings.Join(names(all), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func profileTo(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}
