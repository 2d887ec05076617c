package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
)

func (a *app) recoverCommand() *cobra.Command {
	var abandon string
	var rebuild, allowUnsafeFS bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "End what a crash has left unfinished",
		Long: `End every unfinished transaction, forward or back, and say which; sweep what dead
processes staged. It is safe at any time, any number of times; without a store it
does nothing. apply and sync do the same before they commit.

Where that cannot finish, two ways out lose nothing: --abandon gives one transaction
up, leaves the tree as it is and keeps the rest in .txcommit/displaced, also what a
dead process has left on a disk that never comes back; --rebuild sets a broken
journal aside and starts a new one.`,
		Example: `  txcommit recover
  txcommit recover -C /srv/site -o json
  txcommit recover --abandon 019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f`,
		Args: exactly(),
		RunE: a.command(func(cmd *cobra.Command, _ []string) error {
			o := a.flags.options()
			o.AllowUnsafeFS = allowUnsafeFS
			switch {
			case rebuild:
				return a.recover(cmd.Context(), "", o, txn.Rebuild)
			case abandon != "":
				return a.recover(cmd.Context(), "abandoned", o, abandonment(abandon))
			case cmd.Flags().Changed("abandon"):
				return usageError(cmd, errors.New("--abandon: the id is empty"))
			}
			return a.recover(cmd.Context(), "", o, txn.Recover)
		}),
	}
	cmd.Flags().StringVar(&abandon, "abandon", "", "give the transaction `ID` up; status and recover list the ids")
	must(cmd.RegisterFlagCompletionFunc("abandon", a.completePending))
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "set a broken journal aside and start a new one")
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if rebuild && abandon != "" {
			return errors.New("--abandon and --rebuild: only one of them can be given")
		}
		return nil
	}
	return cmd
}

type recovery func(ctx context.Context, root string, o *txn.Options) (*txn.Report, error)

// abandonment is the recovery that gives the transaction id up.
func abandonment(id string) recovery {
	return func(ctx context.Context, root string, o *txn.Options) (*txn.Report, error) {
		r, err := txn.Abandon(ctx, root, id, o)
		return r, at(atAbandon, err)
	}
}

// recover runs one way of recovery and reports on it; an empty result is one that the report decides.
func (a *app) recover(ctx context.Context, result string, o *txn.Options, way recovery) error {
	r, err := way(ctx, a.flags.root, o)
	if r != nil {
		a.report = newRecoverReport(result, r)
	}
	if err == nil && r != nil {
		return notSwept(r.Left)
	}
	return a.opened(err)
}

// recoverReport is what recover says.
type recoverReport struct {
	Result    string         `json:"result"`
	Recovered []recoveredDoc `json:"recovered"`
	Swept     int            `json:"swept"`
	Displaced []pathDoc      `json:"displaced"`
	Left      []leftDoc      `json:"left,omitempty"`
	Error     *failure       `json:"error,omitempty"`

	intact, unended bool
}

func newRecoverReport(result string, r *txn.Report) *recoverReport {
	if result == "" {
		result = "clean"
		if len(r.Left) > 0 {
			result = "pending"
		}
		if len(r.Recovered) > 0 {
			result = "recovered"
		}
		if r.Rebuilt {
			result = "rebuilt"
		}
	}
	return &recoverReport{
		Result:    result,
		Recovered: recoveredDocs(r.Recovered),
		Swept:     r.Swept,
		Displaced: displaced([]pathDoc{}, r.Displaced, r.Recovered),
		Left:      leftDocs(r.Left),
		intact:    r.Intact,
		unended:   r.Unended,
	}
}

func (r *recoverReport) fail(result string, f *failure) {
	if r.Error = f; len(r.Left) == 0 || result != "committed" { // only the sweep has failed
		r.Result = result
	}
}

func (r *recoverReport) text() string {
	var b strings.Builder
	writeRecovered(&b, r.Recovered, r.Displaced)
	b.WriteString(sweptLine(r.Swept))
	writeLeft(&b, r.Left)
	switch {
	case r.intact && r.Error == nil:
		b.WriteString("the journal can be read: nothing to rebuild\n")
	case r.Result == "clean" && r.Swept == 0:
		b.WriteString("clean: nothing to recover\n")
	case r.Result == "rebuilt":
		b.WriteString("rebuilt: the journal is new, and the old one is set aside\n")
	}
	if r.unended {
		b.WriteString("the tree may hold half of a transaction; the rest of its files are in the folders kept above\n")
	}
	return b.String()
}

// leftDoc is what dead processes have left and could not be swept.
type leftDoc struct {
	Path pathDoc `json:"path"`
	Why  string  `json:"why"`
	ID   string  `json:"id,omitempty"`
}

func leftDocs(all []txn.Left) (docs []leftDoc) {
	for _, l := range all {
		docs = append(docs, leftDoc{pathDoc(l.Path), plain(l.Why), l.ID})
	}
	return docs
}

func writeLeft(b *strings.Builder, all []leftDoc) {
	for _, l := range all {
		fmt.Fprintf(b, "left: %s (%s)\n", quote(string(l.Path)), l.Why)
	}
}

// notSwept is the error of a command that is there to sweep, and could not.
func notSwept(left []txn.Left) error {
	if len(left) == 0 {
		return nil
	}
	hint := "nothing waits for it; when it can be reached and changed there, run 'txcommit recover'"
	if id := left[0].ID; id != "" {
		hint += ", and if it never can, 'txcommit recover --abandon " + id + "'"
	}
	return &fault{
		at:   atCleanup,
		hint: hint,
		err:  &fs.PathError{Op: "delete", Path: left[0].Path, Err: left[0].Why},
	}
}

// sweptLine tells of what dead processes have left, if there was something.
func sweptLine(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("swept %s of dead processes\n", plural(n, "leftover"))
}
