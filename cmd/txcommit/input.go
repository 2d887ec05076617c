package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

const inputHelp = `--tar FILE unpacks a tar archive, also compressed by gzip or zstd: files, folders and
links with their modes, all below --prefix DIR. One with devices, or with names or
links that lead out of the root, is refused.

--patch FILE applies a unified diff, as git writes it, over any number of files:
changes, new and removed files, renames, modes. Every hunk must match exactly where it
says; what does not is a conflict (exit code 3), and nothing changes.`

// inputFlags say where the ops come from, if not from a manifest.
type inputFlags struct {
	tar, patch, prefix string
	strip              int

	set *pflag.FlagSet
}

func (i *inputFlags) register(fs *pflag.FlagSet) {
	i.set = fs
	fs.StringVar(&i.tar, "tar", "", "unpack this `FILE` (.tar, .tar.gz, .tar.zst; - is standard input)")
	fs.StringVar(&i.patch, "patch", "", "apply this `FILE` with a unified diff (- is standard input)")
	fs.StringVar(&i.prefix, "prefix", "", "with --tar and --patch: all names are below `DIR`, relative to the root")
	fs.IntVar(&i.strip, "strip", 0, "with --tar and --patch: drop `N` leading folders of each name (default 0 for archives, 1 for patches)")
}

// args asks for a manifest, unless something else stands in its place.
func (i *inputFlags) args(cmd *cobra.Command, args []string) error {
	tar, patch := i.set.Changed("tar"), i.set.Changed("patch")
	switch {
	case tar && patch:
		return errors.New("--tar and --patch: only one of them can be given")
	case tar && i.tar == "" || patch && i.patch == "":
		return errors.New("--tar and --patch: the name is empty")
	case tar || patch:
		if patch && !i.set.Changed("strip") {
			i.strip = 1
		}
		if err := i.checkNames(); err != nil {
			return err
		}
		return exactly()(cmd, args)
	case i.set.Changed("prefix") || i.set.Changed("strip"):
		return errors.New("--prefix and --strip: only with --tar or --patch")
	}
	return exactly("MANIFEST")(cmd, args)
}

// checkNames checks what is done to the names in an archive or a patch.
func (i *inputFlags) checkNames() error {
	if i.strip < 0 {
		return errors.New("--strip: must not be negative")
	}
	if !i.set.Changed("prefix") {
		return nil
	}
	if _, err := manifest.CleanPath(i.prefix, true); err != nil {
		return fmt.Errorf("--prefix: %w", err)
	}
	return nil
}

// commitInput makes one transaction of what from or the one argument name, and reports on it. A patch changes a link itself,
// as in git.
func (a *app) commitInput(ctx context.Context, flags *commitFlags, from *inputFlags, args []string) error {
	in, err := a.input(ctx, from, args)
	if err != nil {
		return err
	}
	if from.patch != "" && flags.symlinks.value == "follow" {
		flags.symlinks.value = "replace"
	}
	return a.commit(ctx, flags, in.key, in.add)
}

// input is where the ops of a transaction come from.
type input struct {
	key string // the id that the user gave it
	add func(*txn.Tx) error
}

// input opens what the flags or the one argument name. A manifest is read at once, anything else when its ops are added.
func (a *app) input(ctx context.Context, flags *inputFlags, args []string) (input, error) {
	switch {
	case flags.tar != "":
		return a.tarInput(ctx, flags)
	case flags.patch != "":
		return a.patchInput(ctx, flags)
	}
	m, ops, err := a.readManifest(ctx, args[0])
	if err != nil {
		return input{}, err
	}
	saveMemory(ops.Len())
	return input{m.ID, func(tx *txn.Tx) error { return errors.Join(tx.Apply(m, ""), tx.ApplyOps(ops)) }}, nil
}
