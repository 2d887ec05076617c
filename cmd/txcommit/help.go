package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `txcommit changes many files below one folder (the root) at once: all of them or none,
through errors, SIGKILL, kernel crashes and power loss.

` + exitCodesHelp

const exitCodesHelp = `Exit codes:
    0  committed, or nothing to do                             (the tree is new)
    1  failed: the tree, a source or the system refuses        (the tree is as it was)
    2  plan --detailed-exitcode: there are changes             (the tree is as it was)
    3  conflict: a path or a reused id is not as expected      (the tree is as it was)
    4  busy: the lock timeout passed                           (the tree is as it was)
    5  incomplete: run 'txcommit recover'                      (unknown until then)
    6  the journal is unreadable or of a newer format          (nothing was touched)
    7  committed, but cleaning up failed; the next run cleans  (the tree is new)
       of recover and gc: something is left, as they say       (the tree is whole)
   64  bad usage                                               (nothing was touched)
   65  bad manifest, or not found                              (nothing was touched)
  130  interrupted by SIGINT before the commit point           (the tree is as it was)
  143  interrupted by SIGTERM before the commit point          (the tree is as it was)

run and view pass on the exit code of the command, or 128+n if signal n killed it;
125 is a failure of txcommit itself. doctor exits with 1 if a line says fail.`

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp}
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command or a topic",
		Long:    "Explain a command or a topic.",
		Example: "  txcommit help apply\n  txcommit help exit-codes",

		ValidArgsFunction: completeTopics,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(cmd, fmt.Errorf("%s: no such help topic", quote(strings.Join(args, " "))))
			}
			about.InitDefaultHelpFlag()
			a.report = newHelpReport(about)
			return nil
		}),
	}
}

// helpReport is the help on one command.
type helpReport struct {
	Help string `json:"help"`
}

func newHelpReport(cmd *cobra.Command) *helpReport {
	text := cmd.Long + "\n"
	if cmd.Runnable() || cmd.HasSubCommands() {
		text += "\n" + cmd.UsageString()
	}
	return &helpReport{Help: text}
}

func (r *helpReport) text() string { return r.Help }
