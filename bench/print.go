//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// print writes the report as markdown.
func (r *report) print(w *strings.Builder) {
	fmt.Fprintf(w, "%s. %s. Load when the run began: %s. Medians; ratio: time to that of the first system of the table; "+
		"after the return: what else had to be waited for, its time and its processor time.\n", r.Machine, r.Date, r.Load)
	if r.Warmed > 0 {
		fmt.Fprintf(w, "%s of memory were touched before.\n", mib(r.Warmed))
	}
	for _, text := range r.Left {
		fmt.Fprintf(w, "\n**Left out**: %s\n", text)
	}
	for _, d := range r.Devices {
		fmt.Fprintf(w, "\n### %s: %s\n", d.Name, d.About)
		r.printRows(w, d)
		r.printNotes(w, d)
	}
	fmt.Fprint(w, "\n### The systems\n\n| system | call for files | call for a tree | call for many writers | not promised |\n|---|---|---|---|---|\n")
	for _, s := range r.systems {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", s.name, code(s.files), code(s.tree), code(s.writers), s.lacks)
	}
}

func (r *report) printRows(w *strings.Builder, d *device) {
	last := ""
	for _, n := range r.Rows {
		if n.Device != d.Name {
			continue
		}
		if n.Workload != last {
			last = n.Workload
			fmt.Fprintf(w, "\n**%s**: %s (%s)\n\n", n.Workload, n.About, count(len(n.Samples), "round"))
			fmt.Fprint(w, "| system | time | ratio | commits/s | processor | after the return | flushes | written | .txcommit at rest |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
		}
		n.print(w)
	}
}

// print writes a line of the table: the figures of one commit.
func (n *row) print(w *strings.Builder) {
	rate, flushes, rest, after := "", fmt.Sprint(n.Median.Flushes), "", ""
	if n.Commits > 1 {
		rate = fmt.Sprintf("%.0f", float64(n.Commits)/n.Median.Time.Seconds())
		flushes = fmt.Sprintf("%.1f", float64(n.Median.Flushes)/float64(n.Commits))
	}
	if n.Median.After > 0 {
		after = n.each(n.Median.After) + ", " + n.each(n.Median.AfterCPU)
	}
	if n.Rest > 0 {
		rest = fmt.Sprintf("%d KiB", n.Rest>>10)
	}
	fmt.Fprintf(w, "| %s | %s | %.2f | %s | %s | %s | %s | %s | %s |\n", n.System, n.each(n.Median.Time), n.Ratio, rate,
		n.each(n.Median.CPU), after, flushes, mib(n.Median.Bytes/int64(n.Commits)), rest)
}

func (n *row) each(d time.Duration) string { return ms(d / time.Duration(n.Commits)) }

func (r *report) printNotes(w *strings.Builder, d *device) {
	last := ""
	for _, n := range r.Notes {
		if n.Device != d.Name {
			continue
		}
		if n.Workload != last {
			last = n.Workload
			fmt.Fprintf(w, "\n**%s**: %s\n\n", n.Workload, n.About)
		}
		fmt.Fprintf(w, "- %s\n", n.Text)
	}
}

func code(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	if v < 100 {
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

func mib(n int64) string {
	v := float64(n) / (1 << 20)
	if -10 < v && v < 10 {
		return fmt.Sprintf("%.2f MiB", v)
	}
	return fmt.Sprintf("%.0f MiB", v)
}
