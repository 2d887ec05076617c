package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/txcommit/txcommit/txn"
)

// planFlags say what a plan shows.
type planFlags struct {
	all, diff, detailedExit bool
}

func (p *planFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&p.all, "all", false, "list also what stays as it is (=)")
	fs.BoolVar(&p.diff, "diff", false, "print what changes in text files, as a unified diff in git's format")
	fs.BoolVar(&p.detailedExit, "detailed-exitcode", false, "exit with 2 if there are changes")
}

func (a *app) planCommand() *cobra.Command {
	flags, from := &commitFlags{dryRun: true}, &inputFlags{}
	cmd := &cobra.Command{
		Use:   "plan MANIFEST|-",
		Short: "Say what apply would do, path by path",
		Long: `Say what apply would do, and change nothing: one line for each path that differs after
the commit.

  +  new
  ~  changed
  -  removed
  >  renamed; a folder has one line, with all that is in it
  m  only the mode changes
  =  stays as it is (with --all)

As for apply, an archive (--tar) or a patch (--patch) can stand in the place of the
manifest.`,
		Example: `  txcommit plan release.json
  txcommit plan --diff release.json | less -R
  txcommit plan --detailed-exitcode -q release.json || echo "not deployed yet"`,
		Args: from.args,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			return a.commitInput(cmd.Context(), flags, from, args)
		}),
	}
	flags.plan.register(cmd.Flags())
	flags.lookFlags.register(cmd.Flags())
	from.register(cmd.Flags())
	return cmd
}

// plan reports what a commit of tx would do. key is the id that the user gave it.
func (a *app) plan(ctx context.Context, tx *txn.Tx, key string, flags planFlags) error {
	start := time.Now()
	p, err := tx.Plan(ctx)
	if err != nil {
		return err
	}
	rep := newPlanReport(p, flags.all)
	if flags.diff {
		if err := a.diffs(ctx, tx, rep, p); err != nil {
			return err
		}
	}
	rep.DurationMS = milliseconds(time.Since(start))
	if p.Repeated {
		rep.repeated = key
	}
	rep.paint = a.paints(a.stdout)
	a.report = rep
	rep.tells = flags.detailedExit && p.Effective()
	return nil
}
