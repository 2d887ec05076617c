package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
)

func (a *app) viewCommand() *cobra.Command {
	var allowUnsafeFS bool
	cmd := &cobra.Command{
		Use:   "view -- CMD...",
		Short: "Run a command that sees no half of a transaction",
		Long: `Run CMD while no transaction can become half visible: it sees all of each or none,
also where a writer has died half-way (that is recovered first). Any number of views
run at once. Commits wait for them, at most for their --lock-timeout; so CMD should
be short, and must not commit to the same root.

CMD runs in the working directory and in a process group of its own, to which
signals are forwarded. The view ends with txcommit: what CMD leaves running in the
background is not protected.

Exits with the exit code of CMD, or 128+n if signal n killed it. If txcommit itself
fails, or CMD cannot be started, the exit code is 125.`,
		Example: `  txcommit view -- tar -czf /backup/site.tgz public
  txcommit view -C /srv/site -- rsync -a public/ mirror:public/`,
		Args: someCommand,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			o := a.flags.options()
			o.AllowUnsafeFS = allowUnsafeFS
			return a.view(cmd.Context(), o, args)
		}),
		Annotations: map[string]string{passes: ""},
	}
	cmd.Flags().SetInterspersed(false) // what follows CMD is CMD's
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	return cmd
}

// view runs a command in a view and reports on it.
func (a *app) view(ctx context.Context, o *txn.Options, argv []string) (err error) {
	st, err := txn.Open(ctx, a.flags.root, o)
	if err != nil {
		before := newCommitReport()
		before.before(err)
		a.report = before
		return a.opened(err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	a.tellRecovered(st.Recovered())
	return st.View(ctx, func(fs.FS) error {
		end, err := a.child(argv).run(ctx)
		if err == nil {
			a.report = &viewReport{result(end), end.code, end.signal, recoveredDocs(st.Recovered())}
		}
		return err
	})
}

// tellRecovered says what was ended first, on standard error.
func (a *app) tellRecovered(rs []txn.Recovery) {
	if a.flags.quiet || a.flags.json() {
		return
	}
	var b strings.Builder
	writeRecovered(&b, recoveredDocs(rs), displaced(nil, nil, rs))
	for line := range strings.Lines(b.String()) {
		_, _ = a.stderr.Write([]byte("txcommit: " + line)) // nobody is there to be told
	}
}

// viewReport is what view says, in JSON only: as text, all output is the command's.
type viewReport struct {
	Result    string         `json:"result"`
	Exit      int            `json:"exit"`
	Signal    string         `json:"signal,omitempty"`
	Recovered []recoveredDoc `json:"recovered"`
}

func result(end ended) string {
	if end.code == 0 {
		return "viewed"
	}
	return "failed"
}

func (r *viewReport) text() string  { return "" }
func (r *viewReport) exitCode() int { return r.Exit }
