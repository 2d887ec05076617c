package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/txcommit/txcommit/txn/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	var allowUnsafeFS bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what the root can and cannot do, and what that means",
		Long: `Look at the root and the store in it, and say what works there: the file system, locks,
renames and exchanges, links, the cost of a flush, the journal page by page, free
space, and what below the root is out of reach. Each line is ok, warn or fail.

What has to be tried is tried with a few small files in .txcommit/stage, which are
removed at the end, also after ^C; if the process is killed, the next commit or
'txcommit recover' removes them. Nothing else is changed: without a store there is
none afterwards, and what a crash has left unfinished is told and left alone.

Exits with 1 if a line says fail.`,
		Example: "  txcommit doctor\n  txcommit doctor -C /srv/site -o json",
		Args:    exactly(),
		RunE: a.command(func(cmd *cobra.Command, _ []string) error {
			o := a.flags.options()
			o.AllowUnsafeFS = allowUnsafeFS
			findings, err := doctor.Examine(cmd.Context(), a.flags.root, o)
			if findings != nil {
				a.report = newDoctorReport(findings)
			}
			return a.opened(err)
		}),
	}
	cmd.Flags().BoolVar(&allowUnsafeFS, "allow-unsafe-fs", false, allowUnsafeFSHelp)
	return cmd
}

// doctorReport is what doctor says. Result is the worst of the levels.
type doctorReport struct {
	Result string     `json:"result"`
	Checks []checkDoc `json:"checks"`
	Error  *failure   `json:"error,omitempty"`
}

// checkDoc is one line of it.
type checkDoc struct {
	Check   string       `json:"check"`
	Level   doctor.Level `json:"level"`
	Message string       `json:"message"`
}

func newDoctorReport(findings []doctor.Finding) *doctorReport {
	r := &doctorReport{Checks: make([]checkDoc, 0, len(findings))}
	worst := doctor.OK
	for _, f := range findings {
		r.Checks = append(r.Checks, checkDoc{f.Check, f.Level, f.Text})
		if f.Level == doctor.Fail || f.Level == doctor.Warn && worst == doctor.OK {
			worst = f.Level
		}
	}
	r.Result = string(worst)
	return r
}

func (r *doctorReport) fail(result string, f *failure) { r.Result, r.Error = result, f }

func (r *doctorReport) exitCode() int {
	if r.Result == string(doctor.Fail) {
		return exitFailed
	}
	return exitOK
}

func (r *doctorReport) text() string {
	width := 0
	for _, c := range r.Checks {
		width = max(width, len(c.Check))
	}
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-4s  %-*s  %s\n", c.Level, width, c.Check, escape(c.Message))
	}
	return b.String()
}
