package main

import (
	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
)

func (a *app) syncCommand() *cobra.Command {
	flags, tree := &commitFlags{}, txn.TreeOptions{}
	cmd := &cobra.Command{
		Use:   "sync SRC PATH",
		Short: "Make a folder below the root equal to another folder",
		Long: `Make PATH below the root equal to the folder SRC, all at once: files, modes, links
and empty folders. What is already equal is left alone. SRC is relative to the
working directory and may lie anywhere; PATH is relative to the root.`,
		Example: `  txcommit sync build/dist dist --prune
  txcommit sync --exclude '**/*.map' --dry-run build/dist dist
  txcommit sync -C /srv/site --move /tmp/new public`,
		Args: exactly("SRC", "PATH"),
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			add := func(tx *txn.Tx) error { return tx.SyncTree(args[1], args[0], tree) }
			return at(atSync, a.commit(cmd.Context(), flags, "", add))
		}),
	}
	flags.register(cmd.Flags())
	fs := cmd.Flags()
	fs.BoolVar(&tree.Prune, "prune", false, "remove what SRC does not have")
	fs.StringArrayVar(&tree.Exclude, "exclude", nil, "neither copy nor prune what matches this `GLOB`, relative to SRC (repeatable)")
	fs.BoolVar(&tree.Move, "move", false, "consume SRC after the commit instead of copying it")
	fs.BoolVar(&tree.Times, "times", false, "keep the modification times of SRC")
	fs.BoolVar(&tree.Quick, "quick", false, "take equal size and time for equal content; implies --times")
	return cmd
}
