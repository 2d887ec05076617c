package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/txcommit/txcommit/txn"
)

// globalFlags go with every command.
type globalFlags struct {
	root        string
	output      choice
	color       choice
	quiet       bool
	lockTimeout time.Duration
}

func (g *globalFlags) register(fs *pflag.FlagSet) {
	g.output = choice{"text", []string{"text", "json"}}
	g.color = choice{"auto", []string{"auto", "always", "never"}}
	fs.StringVarP(&g.root, "root", "C", ".", "all paths are relative to `DIR`")
	fs.VarP(&g.output, "output", "o", "how to report on standard output")
	fs.BoolVarP(&g.quiet, "quiet", "q", false, "print errors only")
	fs.DurationVar(&g.lockTimeout, "lock-timeout", txn.DefaultLockTimeout, "how long to wait for others; 0s does not wait")
	fs.Var(&g.color, "color", "colour errors and hints; auto does on a terminal unless NO_COLOR is set")
}

func (g *globalFlags) json() bool { return g.output.value == "json" }

// options are the options of commands that do not commit.
func (g *globalFlags) options() *txn.Options {
	o := &txn.Options{LockTimeout: g.lockTimeout}
	if o.LockTimeout <= 0 {
		o.LockTimeout = -1 // zero is the default to txn
	}
	return o
}

// commitFlags go with the commands that commit.
type commitFlags struct {
	durability    choice
	symlinks      choice
	progress      choice
	history       noHistory
	jobs          jobs
	allowUnsafeFS bool
	dryRun        bool
}

func (c *commitFlags) register(fs *pflag.FlagSet) {
	c.durability = choice{"sync", []string{"sync", "process"}}
	c.symlinks = choice{"follow", []string{"follow", "replace", "refuse"}}
	c.progress = choice{"auto", []string{"auto", "always", "never"}}
	fs.Var(&c.durability, "durability", "survive power loss (sync), or only the death of the process")
	fs.Var(&c.symlinks, "symlinks", "what a write does to a symbolic link at its path")
	fs.Var(&c.progress, "progress", "show progress; auto does on a terminal")
	fs.Var(&c.history, "history", "keep what the last `N` transactions replaced; this version keeps none")
	fs.Var(&c.jobs, "jobs", "stage at most `N` files at once; 0 chooses by the number of processors")
	fs.BoolVar(&c.allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	fs.BoolVar(&c.dryRun, "dry-run", false, "print what would be done, and change nothing")
}

const allowUnsafeFSHelp = "accept file systems that do not promise what the guarantee needs (network, FUSE)"

// options are the options of commands that commit.
func (c *commitFlags) options(g *globalFlags) *txn.Options {
	o := g.options()
	o.Durability = map[string]txn.Durability{"sync": txn.Sync, "process": txn.Process}[c.durability.value]
	o.Symlinks = map[string]txn.Symlinks{
		"follow": txn.FollowSymlinks, "replace": txn.ReplaceSymlinks, "refuse": txn.RefuseSymlinks,
	}[c.symlinks.value]
	o.Jobs = int(c.jobs)
	o.AllowUnsafeFS = c.allowUnsafeFS
	o.ReadOnly = c.dryRun
	return o
}

// choice is the value of a flag that knows only some words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }

// Type is what help shows as the value.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}

// jobs is the value of --jobs.
type jobs int

func (j *jobs) String() string { return strconv.Itoa(int(*j)) }

// Type is what help shows as the value.
func (*jobs) Type() string { return "int" }

func (j *jobs) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return errors.New("must be a number from 0 to 65535")
	}
	*j = jobs(n)
	return nil
}

// noHistory is the value of --history as long as none is kept.
type noHistory struct{}

func (noHistory) String() string { return "0" }

// Type is what help shows as the value.
func (noHistory) Type() string { return "int" }

func (noHistory) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil:
		return errors.New("must be a number of transactions")
	case n != 0:
		return errors.New("kept history is not available in this version")
	}
	return nil
}
