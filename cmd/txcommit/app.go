package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn/manifest"
)

// app is one run of the command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// signalled returns the exit code for the signal that cancelled the context, 0 if none did.
	signalled func() int

	flags globalFlags
	// running is set when a command's own code starts. Errors before that are cobra's, about the usage.
	running bool
	// manifest is where the ops come from; nil if they do not come from one.
	manifest *manifest.Positions
	// report is what there is to say; nil until there is something.
	report report
}

// execute runs the command line args and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args to cobra
	if completes(args) {
		completeFlags(root)
		return a.complete(ctx, root)
	}
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.running {
		err = usageError(cmd, err)
		if asksForJSON(args) { // the flag may come after the mistake
			a.flags.output.value = "json"
		}
	}
	return a.passedOn(cmd, err, a.finish(err))
}

func (a *app) rootCommand() *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:               "txcommit",
		Short:             "Change many files at once: all of them or none",
		Long:              rootHelp,
		Example:           "  txcommit apply release.json\n  txcommit sync build/dist dist --prune\n  txcommit status",
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.DisableSuggestions = true // they come in lines of their own
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.flags.root == "" {
			return errors.New("--root: argument is empty")
		}
		return nil
	}
	root.RunE = a.command(func(cmd *cobra.Command, _ []string) error {
		if !version {
			return usageError(cmd, errors.New("no command given"))
		}
		a.report = newVersionReport()
		return nil
	})
	root.Flags().BoolVar(&version, "version", false, "print build information")
	a.flags.register(root.PersistentFlags())
	root.SetOut(a.stderr)
	root.SetErr(a.stderr)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.report = newHelpReport(cmd) })
	root.SetHelpCommand(a.helpCommand())
	root.AddCommand(a.applyCommand(), a.syncCommand(), a.planCommand(), a.recoverCommand(), a.statusCommand(), a.historyCommand(), a.showCommand(), a.undoCommand(), a.gcCommand(), a.runCommand(), a.viewCommand(), a.doctorCommand(), a.schemaCommand(), a.completionCommand(), a.versionCommand(),
		exitCodesTopic())
	root.InitDefaultHelpFlag() // or else what follows -h is taken for its value
	return root
}

// command marks the moment from which on errors are not about the usage any more.
func (a *app) command(f func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		return f(cmd, args)
	}
}
