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
	Left    []string  `json:"left_out"` // devices and systems that were asked for and cannot be had here, with the reason
	Warmed  int64     `json:"warmed"`   // bytes of memory that were touched before
	systems []*system
}

// row is a system in a workload.
type row struct {
	Device   string   `json:"device"`
	Workload string   `json:"workload"`
	About    string   `json:"about"`
	System   string   `json:"system"`
	Files    int      `json:"files,omitempty"` // of 4 KiB, where it is a point of the plots
	Commits  int      `json:"commits"`         // in one sample
	Median   sample   `json:"median"`
	Ratio    float64  `json:"ratio"` // of the times, to the first system of the workload
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

// add adds what was measured of a system in a workload, each sample of so many commits.
func (r *report) add(d *device, w *workload, c *contestant, commits int, rest int64) {
	r.Rows = append(r.Rows, row{
		Device: d.Name, Workload: w.name, About: w.about, System: c.name, Files: w.files, Commits: commits,
		Median: median(c.samples), Rest: rest, Samples: c.samples,
	})
	n := &r.Rows[len(r.Rows)-1]
	base := slices.IndexFunc(r.Rows, func(b row) bool { return b.Device == n.Device && b.Workload == n.Workload })
	n.Ratio = float64(n.Median.Time) / float64(r.Rows[base].Median.Time)
}

// leave notes what was asked for and cannot be had.
func (r *report) leave(what string, why error) {
	text := fmt.Sprintf("%s: %v", what, why)
	progress("left out: %s", text)
	r.Left = append(r.Left, text)
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

		After:    middle(all, func(s sample) time.Duration { return s.After }),
		AfterCPU: middle(all, func(s sample) time.Duration { return s.AfterCPU }),
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

// write writes the report to a file or standard output, as JSON if a file is given, and as plots if a folder is.
func (r *report) write(out, jsonFile, plots string) error {
	var text strings.Builder
	r.print(&text)
	var err error
	if out == "" {
		_, err = io.WriteString(os.Stdout, text.String())
	} else {
		err = os.WriteFile(out, []byte(text.String()), 0o666)
	}
	if jsonFile != "" {
		b, jerr := json.MarshalIndent(r, "", "  ")
		if jerr == nil {
			jerr = os.WriteFile(jsonFile, append(b, '\n'), 0o666)
		}
		err = errors.Join(err, jerr)
	}
	if plots != "" {
		err = errors.Join(err, r.plots(plots))
	}
	return err
}
