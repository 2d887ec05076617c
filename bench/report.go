//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// report collects what was measured, for people and for machines.
type report struct {
	Machine string    `json:"machine"`
	Date    string    `json:"date"`
	Load    string    `json:"load"` // when the run began
	Rows    []row     `json:"rows"`
	Notes   []note    `json:"notes"`
	Devices []*device `json:"devices"`
	systems []*system
}

// row is a system in a workload.
type row struct {
	Device   string   `json:"device"`
	Workload string   `json:"workload"`
	About    string   `json:"about"`
	System   string   `json:"system"`
	Median   sample   `json:"median"`
	Ratio    float64  `json:"ratio"` // of the times, to the first system; 0 if it did not take part
	Rest     int64    `json:"rest"`  // bytes of .txcommit afterwards
	Samples  []sample `json:"samples"`
}

// note is a figure of a special workload.
type note struct {
	Device   string `json:"device"`
	Workload string `json:"workload"`
	About    string `json:"about"`
	Text     string `json:"text"`
}

func newReport(ss []*system) *report {
	load, _ := os.ReadFile("/proc/loadavg")
	return &report{Machine: machine(), Date: time.Now().Format(time.DateOnly), Load: strings.TrimSpace(string(load)), systems: ss}
}

func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // does not fail
	var i unix.Sysinfo_t
	_ = unix.Sysinfo(&i)
	return fmt.Sprintf("%s %s, %d processors, %d GiB of memory, %s", unix.ByteSliceToString(u.Sysname[:]),
		unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), (i.Totalram*uint64(i.Unit)+1<<29)>>30, runtime.Version())
}

func (r *report) begin(d *device) { r.Devices = append(r.Devices, d) }

func (r *report) add(d *device, w *workload, c *contestant, rest int64) {
	n := row{
		Device: d.Name, Workload: w.name, About: w.about, System: c.name,
		Median: median(c.samples), Rest: rest, Samples: c.samples,
	}
	for _, base := range r.Rows {
		if base.Device == d.Name && base.Workload == w.name && base.System == systems()[0].name {
			n.Ratio = float64(n.Median.Time) / float64(base.Median.Time)
		}
	}
	if c.name == systems()[0].name {
		n.Ratio = 1
	}
	r.Rows = append(r.Rows, n)
}

func (r *report) note(d *device, w *workload, format string, args ...any) {
	r.Notes = append(r.Notes, note{d.Name, w.name, w.about, fmt.Sprintf(format, args...)})
}

// median is that of each figure by itself.
func median(all []sample) sample {
	return sample{
		Time:    middle(all, func(s sample) time.Duration { return s.Time }),
		CPU:     middle(all, func(s sample) time.Duration { return s.CPU }),
		Flushes: middle(all, func(s sample) int64 { return s.Flushes }),
		Bytes:   middle(all, func(s sample) int64 { return s.Bytes }),
	}
}

func middle[T int64 | time.Duration](all []sample, of func(sample) T) T {
	if len(all) == 0 {
		return 0
	}
	v := make([]T, len(all))
	for i, s := range all {
		v[i] = of(s)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// write writes the report to a file or standard output, and as JSON if a file is given.
func (r *report) write(out, jsonFile string) error {
	var text strings.Builder
	r.print(&text)
	var err error
	if out == "" {
		_, err = io.WriteString(os.Stdout, text.String())
	} else {
		err = os.WriteFile(out, []byte(text.String()), 0o666)
	}
	if jsonFile == "" {
		return err
	}
	b, jerr := json.MarshalIndent(r, "", "  ")
	if jerr == nil {
		jerr = os.WriteFile(jsonFile, append(b, '\n'), 0o666)
	}
	return errors.Join(err, jerr)
}

// print writes the report as markdown.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s. %s. Load when the run began: %s. Medians; ratio: time to that of %s.\n", r.Machine, r.Date, r.Load, systems()[0].name)
	for _, d := range r.Devices {
		fmt.Fprintf(w, "\n### %s: %s\n", d.Name, d.About)
		r.printRows(w, d)
		r.printNotes(w, d)
	}
	fmt.Fprint(w, "\n### The systems\n\n| system | call for files | call for a tree | not promised |\n|---|---|---|---|\n")
	for _, s := range r.systems {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", s.name, code(s.files), code(s.tree), s.lacks)
	}
}

func (r *report) printRows(w io.Writer, d *device) {
	last := ""
	for _, n := range r.Rows {
		if n.Device != d.Name {
			continue
		}
		if n.Workload != last {
			last = n.Workload
			fmt.Fprintf(w, "\n**%s**: %s (%d rounds)\n\n", n.Workload, n.About, len(n.Samples))
			fmt.Fprint(w, "| system | time | ratio | processor | flushes | written | .txcommit at rest |\n|---|--:|--:|--:|--:|--:|--:|\n")
		}
		rest, ratio := "", ""
		if n.Rest > 0 {
			rest = fmt.Sprintf("%d KiB", n.Rest>>10)
		}
		if n.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", n.Ratio)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %d | %s | %s |\n", n.System, ms(n.Median.Time), ratio, ms(n.Median.CPU), n.Median.Flushes, mib(n.Median.Bytes), rest)
	}
}

func (r *report) printNotes(w io.Writer, d *device) {
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
