package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
)

func (a *app) historyCommand() *cobra.Command {
	var allowUnsafeFS bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the transactions that can be undone",
		Long: `List the transactions of which is kept what they replaced, the newest first: id, time,
counts, what is kept, message. --history N of the commands that commit says how many
are kept. A transaction that changes another file system, mount, subvolume or project
than the root's is not kept, and ends the history.`,
		Example: "  txcommit history\n  txcommit history -C /srv/site -o json",
		Args:    exactly(),
		RunE: a.command(func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), allowUnsafeFS, func(st *txn.Store) error {
				kept, err := st.History(cmd.Context())
				a.report = &historyReport{keptDocs(kept), recoveredDocs(st.Recovered())}
				return err
			})
		}),
	}
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	var allowUnsafeFS bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show what a transaction of the history changed",
		Long: `Show what a transaction of the history changed, one line a path as in plan, and how much
is kept to undo it. The ID may be shortened as long as it is clear.`,
		Example:           "  txcommit show 019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f",
		Args:              exactly("ID"),
		ValidArgsFunction: a.completeKept,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			return a.withStore(cmd.Context(), allowUnsafeFS, func(st *txn.Store) error {
				k, changes, err := st.Show(cmd.Context(), args[0])
				if err != nil {
					return at(atHistory, err)
				}
				a.report = newShowReport(*k, changes, st.Recovered())
				return nil
			})
		}),
	}
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	return cmd
}

func (a *app) undoCommand() *cobra.Command {
	flags, undo := &commitFlags{}, txn.UndoOptions{}
	cmd := &cobra.Command{
		Use:   "undo [ID]",
		Short: "Put back what a transaction replaced",
		Long: `Put back what a transaction of the history replaced or removed, and take away what it
made, as a transaction of its own: all or nothing, and it can be undone in turn.
Without an ID it is the last one. Without --history it takes the place of what it
undoes in the history, of which nothing else is dropped. A path that has changed since is a conflict, and
nothing is done, unless --force puts back the old state all the same.`,
		Example: `  txcommit undo --dry-run
  txcommit undo
  txcommit undo 019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f --force`,
		Args:              optional("ID"),
		ValidArgsFunction: a.completeKept,
		RunE: a.command(func(cmd *cobra.Command, args []string) error {
			id := strings.Join(args, "")
			undo.KeepHistory = !cmd.Flags().Changed("history")
			return a.withCommits(cmd.Context(), flags, func(st *txn.Store, rep *commitReport) error {
				tx, err := st.BeginUndo(cmd.Context(), id, undo)
				if err == nil {
					err = a.commitTx(cmd.Context(), tx, rep, flags, "")
				}
				if errors.Is(err, txn.ErrConflict) {
					return &fault{hint: "look at what has changed; --force puts the old state back all the same", err: err}
				}
				return at(atHistory, err)
			})
		}),
	}
	flags.register(cmd.Flags())
	history := cmd.Flags().Lookup("history")
	history.Usage, history.DefValue = "keep what the last `N` transactions replaced, and drop what is beyond", ""
	cmd.Flags().BoolVar(&undo.Force, "force", false, "put back also what has changed since")
	return cmd
}

func (a *app) gcCommand() *cobra.Command {
	keep, allowUnsafeFS := count(0), false
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Drop history, and what dead processes have left",
		Long: `Drop what is kept for undo, of all transactions or with --keep N of all but the last N,
and delete what dead processes have staged. It gives their space back, and what was
kept cannot be read or undone any more.`,
		Example: "  txcommit gc             # nothing can be undone after it\n  txcommit gc --keep 3",
		Args:    exactly(),
		RunE: a.command(func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), allowUnsafeFS, func(st *txn.Store) error {
				done, err := st.GC(cmd.Context(), int(keep))
				a.report = &gcReport{
					Dropped: keptDocs(done.Dropped), Swept: done.Swept, Left: leftDocs(done.Left), Recovered: recoveredDocs(st.Recovered()),
				}
				return cmp.Or(err, notSwept(done.Left))
			})
		}),
	}
	cmd.Flags().Var(&keep, "keep", "keep what the last `N` transactions replaced (default 0)")
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	return cmd
}

// withStore runs f with the store of the root, for commands that do not commit. Their reports tell what was recovered first;
// as text they are lists, so it is told on standard error.
func (a *app) withStore(ctx context.Context, allowUnsafeFS bool, f func(*txn.Store) error) error {
	o := a.flags.options()
	o.AllowUnsafeFS = allowUnsafeFS
	st, err := txn.Open(ctx, a.flags.root, o)
	if err != nil {
		before := newCommitReport()
		before.before(err)
		a.report = before
		return a.opened(err)
	}
	a.tellRecovered(st.Recovered())
	return errors.Join(f(st), st.Close())
}

// completeKept completes the ids of the history.
func (a *app) completeKept(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	o := a.flags.options()
	o.LockTimeout, o.ReadOnly = -1, true // to press a key must neither wait for others nor recover anything
	o.AllowUnsafeFS = true               // nor does it promise anything
	st, err := txn.Open(cmd.Context(), a.flags.root, o)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = st.Close() }() // it has changed nothing
	kept, err := st.History(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, k := range kept {
		ids = append(ids, k.ID+"\t"+escape(k.Message))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// keptDoc is a transaction of the history.
type keptDoc struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	Key     string    `json:"key,omitempty"`
	Created int       `json:"created"`
	Changed int       `json:"changed"`
	Removed int       `json:"removed"`
	Bytes   int64     `json:"kept_bytes"`
}

func keptDocs(all []txn.Kept) []keptDoc {
	docs := make([]keptDoc, 0, len(all))
	for _, k := range all {
		docs = append(docs, keptDoc(k))
	}
	return docs
}

func (d keptDoc) String() string {
	line := fmt.Sprintf("%s  %s  %d created, %d changed, %d removed; %s kept", d.ID, d.Time.Local().Format(time.DateTime),
		d.Created, d.Changed, d.Removed, plural(d.Bytes, "byte"))
	if d.Message != "" {
		line += "  " + escape(d.Message)
	}
	return line + "\n"
}

type historyReport struct {
	Transactions []keptDoc      `json:"transactions"`
	Recovered    []recoveredDoc `json:"recovered"`
}

func (r *historyReport) text() string {
	var b strings.Builder
	for _, d := range r.Transactions {
		b.WriteString(d.String())
	}
	if len(r.Transactions) == 0 {
		b.WriteString("nothing is kept\n")
	}
	return b.String()
}

type showReport struct {
	keptDoc
	Changes   []changeDoc    `json:"changes"`
	Recovered []recoveredDoc `json:"recovered"`
}

func newShowReport(k txn.Kept, changes []txn.Change, first []txn.Recovery) *showReport {
	r := &showReport{keptDoc: keptDoc(k), Changes: []changeDoc{}, Recovered: recoveredDocs(first)}
	for _, c := range changes {
		doc := changeDoc{Symbol: string(rune(c.Symbol)), Path: pathDoc(c.Path), From: pathDoc(c.From)}
		r.Changes = append(r.Changes, doc)
	}
	return r
}

func (r *showReport) text() string {
	var b strings.Builder
	b.WriteString(r.keptDoc.String())
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "%s %s\n", c.Symbol, c.name())
	}
	return b.String()
}

type gcReport struct {
	Result    string         `json:"result,omitempty"` // beside an error
	Dropped   []keptDoc      `json:"dropped"`
	Swept     int            `json:"swept"`
	Left      []leftDoc      `json:"left,omitempty"`
	Recovered []recoveredDoc `json:"recovered"`
	Error     *failure       `json:"error,omitempty"`
}

func (r *gcReport) fail(result string, f *failure) {
	if r.Result, r.Error = result, f; len(r.Left) > 0 && result == "committed" {
		r.Result = "pending" // only the sweep has failed
	}
}

func (r *gcReport) text() string {
	var bytes int64
	for _, d := range r.Dropped {
		bytes += d.Bytes
	}
	var b strings.Builder
	fmt.Fprintf(&b, "dropped %s (%s)\n%s", plural(len(r.Dropped), "transaction"), plural(bytes, "byte"), sweptLine(r.Swept))
	writeLeft(&b, r.Left)
	return b.String()
}
