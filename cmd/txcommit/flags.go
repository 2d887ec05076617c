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
	fs.DurationVar(&g.lockTimeout, "lock-timeout", txn.DefaultLockTimeout, "how long to wait for others, once to open the store and once to commit; 0s does not wait")
	fs.Var(&g.color, "color", "colour what is printed; auto does on a terminal unless NO_COLOR is set")
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

// lookFlags go with the commands that look at the tree on behalf of a transaction.
type lookFlags struct {
	symlinks      choice
	jobs          jobs
	allowUnsafeFS bool
}

func (l *lookFlags) register(fs *pflag.FlagSet) {
	l.symlinks = choice{"follow", []string{"follow", "replace", "refuse"}}
	fs.Var(&l.symlinks, "symlinks", "what a write does to a symbolic link at its path")
	fs.Var(&l.jobs, "jobs", "read and stage at most `N` files at once; 0 chooses by the number of processors")
	fs.BoolVar(&l.allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
}

// commitFlags go with the commands that commit.
type commitFlags struct {
	lookFlags
	durability choice
	progress   choice
	history    count
	dryRun     bool
	plan       planFlags // with dryRun
}

func (c *commitFlags) register(fs *pflag.FlagSet) {
	c.durability = choice{"sync", []string{"sync", "process"}}
	c.progress = choice{"auto", []string{"auto", "always", "never"}}
	fs.Var(&c.durability, "durability", "survive power loss (sync), or only the death of the process")
	fs.Var(&c.progress, "progress", "show progress; auto does on a terminal")
	c.history = 1
	fs.Var(&c.history, "history", "keep what the last `N` transactions replaced, for undo; old secrets stay readable in .txcommit until then")
	c.lookFlags.register(fs)
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
	o.History = int(c.history)
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

// count is the value of a flag that counts transactions.
type count int

func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Type is what help shows as the value.
func (*count) Type() string { return "int" }

func (c *count) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return errors.New("must be a number of transactions, up to 65535")
	}
	*c = count(n)
	return nil
}
