package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/txcommit/txcommit/txn"
)

// stageVariable tells CMD where to put what it makes.
const stageVariable = "TXCOMMIT_STAGE"

// runFlags say what run publishes.
type runFlags struct {
	commitFlags
	path       string
	seed       bool
	allowEmpty bool
}

// register leaves --dry-run out: CMD would run all the same.
func (r *runFlags) register(fs *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	r.commitFlags.register(all)
	all.VisitAll(func(f *pflag.Flag) {
		if f.Name != "dry-run" {
			fs.AddFlag(f)
		}
	})
	fs.StringVar(&r.path, "path", "", "publish what CMD makes as `DIR`, relative to the root (required)")
	fs.BoolVar(&r.seed, "seed", false, "begin with a copy of the present DIR, instead of an empty folder")
	fs.BoolVar(&r.allowEmpty, "allow-empty", false, "publish also an empty folder")
}

func (a *app) runCommand() *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run --path DIR -- CMD...",
		Short: "Publish what a command makes, all at once, if it succeeds",
		Long: `Run CMD with an empty staging folder, whose path is in $TXCOMMIT_STAGE. If CMD exits
with 0, DIR becomes equal to that folder, all at once: what is new is linked into
place, what is equal already is left alone, everything else in DIR goes. If CMD ends
in any other way, nothing changes. The staging folder is removed in any case.

CMD runs in the working directory and in a process group of its own, to which
signals are forwarded. No lock is held meanwhile: if another transaction changes DIR
while CMD runs, the last one wins. CMD must be done with its files when it exits.
The folder is moved as a whole, as with DESTDIR of make: a tool that writes its own
output folder into what it makes must be told the final one.

Exits with the exit code of CMD, or 128+n if signal n killed it. If txcommit itself
fails, or CMD cannot be started, nothing has changed and the exit code is 125.`,
		Example: `  txcommit run --path dist -- sh -c 'npx vite build --outDir "$TXCOMMIT_STAGE"'
  txcommit run --path out --seed -- sh -c 'make OUT="$TXCOMMIT_STAGE"'
  txcommit run -C /srv/site --path public -- hugo`,
		Args: someCommand,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withCommits(ctx, &flags.commitFlags, func(st *txn.Store, rep *commitReport) error {
				return a.publish(ctx, st, rep, flags, args)
			})
		}),
		PreRunE: func(*cobra.Command, []string) error {
			if flags.path == "" {
				return errors.New("--path: missing: say which folder CMD makes")
			}
			return nil
		},
		Annotations: map[string]string{passes: ""},
	}
	cmd.Flags().SetInterspersed(false) // what follows CMD is CMD's
	flags.register(cmd.Flags())
	must(cmd.RegisterFlagCompletionFunc("path", a.completeFolders))
	return cmd
}

// someCommand asks for a command line.
func someCommand(_ *cobra.Command, args []string) error {
	if len(args) == 0 || args[0] == "" {
		return errors.New("CMD: missing argument")
	}
	return nil
}

// publish runs a command and commits what it makes.
func (a *app) publish(ctx context.Context, st *txn.Store, rep *commitReport, flags *runFlags, argv []string) (err error) {
	stage, err := st.StageFor(ctx, flags.path)
	if err != nil {
		return err
	}
	defer func() { err = closed(err, stage.Close(), false) }()
	if flags.seed {
		if err := stage.Seed(ctx); err != nil {
			return err
		}
	}
	if err := a.fill(ctx, stage, argv); err != nil {
		return err
	}
	if err := refuseEmpty(stage, flags); err != nil {
		return err
	}
	return a.commitIn(ctx, st, rep, &flags.commitFlags, "", func(tx *txn.Tx) error {
		return tx.Publish(flags.path, stage)
	})
}

// fill runs the command that makes what is published.
func (a *app) fill(ctx context.Context, stage *txn.StageFolder, argv []string) error {
	c := a.child(argv)
	c.cmd.Env = append(c.cmd.Environ(), stageVariable+"="+stage.Dir())
	c.keep = stage.Claim()
	end, err := c.run(ctx)
	if err == nil && end.code != 0 {
		err = &commandError{end, argv[0] + ": " + end.String() + ": nothing was committed"}
	}
	return err
}

func refuseEmpty(stage *txn.StageFolder, flags *runFlags) error {
	empty, err := stage.Empty()
	if err != nil || !empty || flags.allowEmpty {
		return err
	}
	return &fault{
		hint: "have CMD write to the folder $" + stageVariable + "; --allow-empty publishes an empty folder",
		err:  errors.New("CMD has put nothing into $" + stageVariable + ": nothing was committed"),
	}
}
