package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the store is clean, busy or pending",
		Long: `Say whether the store is clean, busy (and who holds it) or pending (and what recovery
will do). It works while a commit runs, and never changes anything.`,
		Example: "  txcommit status\n  txcommit status -C /srv/site -o json",
		Args:    exactly(),
		RunE: a.command(func(cmd *cobra.Command, _ []string) error {
			o := a.flags.options()
			o.AllowUnsafeFS = true // it only looks
			s, err := txn.Status(cmd.Context(), a.flags.root, o)
			if err != nil {
				return a.opened(err)
			}
			a.report = newStatusReport(s)
			return nil
		}),
	}
}

// statusReport is what status says.
type statusReport struct {
	State     string         `json:"state"`
	Store     string         `json:"store"`
	Holder    *txn.Holder    `json:"holder,omitempty"`
	Pending   []recoveredDoc `json:"pending"`
	Leftovers int            `json:"leftovers"`
	Displaced []pathDoc      `json:"displaced"`
	Undoable  int            `json:"undoable"`
	Kept      int64          `json:"kept_bytes"`
}

func newStatusReport(s *txn.State) *statusReport {
	return &statusReport{
		State:     s.State,
		Store:     s.Store,
		Holder:    s.Holder,
		Pending:   recoveredDocs(s.Pending),
		Leftovers: s.Leftovers,
		Displaced: displaced([]pathDoc{}, s.Displaced, nil),
		Undoable:  s.Undoable,
		Kept:      s.KeptBytes,
	}
}

func (r *statusReport) text() string {
	var b strings.Builder
	b.WriteString(r.State)
	switch {
	case r.Holder != nil:
		fmt.Fprintf(&b, ": held by pid %d on %s since %s",
			r.Holder.PID, quote(r.Holder.Host), r.Holder.Since.Format(time.RFC3339))
	case len(r.Pending) > 0:
		fmt.Fprintf(&b, ": %s to recover", plural(len(r.Pending), "transaction"))
	case r.Store == "":
		b.WriteString(": no store here yet")
	}
	b.WriteString("\n")
	for _, p := range r.Pending {
		fmt.Fprintf(&b, "pending %s\n", p)
	}
	if r.Leftovers > 0 {
		fmt.Fprintf(&b, "%s of dead processes to sweep\n", plural(r.Leftovers, "leftover"))
	}
	writeDisplaced(&b, r.Displaced)
	if r.Undoable > 0 {
		fmt.Fprintf(&b, "%s can be undone; %s kept for that ('txcommit gc' drops them, --history 0 keeps nothing)\n",
			plural(r.Undoable, "transaction"), plural(r.Kept, "byte"))
	}
	return b.String()
}
