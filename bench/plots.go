//go:build linux

package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format of the files
)

// figure is what is drawn against the number of files.
type figure struct {
	name, label string
	of          func(row) float64
}

var figures = []figure{
	{"time", "time in ms", func(n row) float64 { return float64(n.Median.Time) / float64(time.Millisecond) }},
	{"flushes", "flushes", func(n row) float64 { return float64(n.Median.Flushes) }},
}

// plots draws, for each device, times and flushes against the number of files, into SVG files in dir.
func (r *report) plots(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var errs []error
	for _, d := range r.Devices {
		name := strings.Trim(strings.ReplaceAll(filepath.Clean(d.Name), "/", "-"), "-.")
		if name == "" {
			name = "folder"
		}
		for _, f := range figures {
			errs = append(errs, r.plot(d, f, filepath.Join(dir, name+"-"+f.name+".svg")))
		}
	}
	return errors.Join(errs...)
}

func (r *report) plot(d *device, f figure, file string) error {
	p := plot.New()
	p.Title.Text = d.Name + ": " + f.label + ", files of 4 KiB replaced"
	p.X.Label.Text, p.Y.Label.Text = "files", f.label
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(3)
	xs, ys := span{}, span{}
	for i, s := range systems() { // a system looks the same in all plots
		pts := r.points(d.Name, s.name, f)
		if len(pts) == 0 {
			continue
		}
		for _, xy := range pts {
			xs.add(xy.X)
			ys.add(xy.Y)
		}
		line, points, err := plotter.NewLinePoints(pts)
		if err != nil {
			return err
		}
		line.Color, line.Dashes = plotutil.Color(i), plotutil.Dashes(i/len(plotutil.DefaultColors))
		if ours(s.name) {
			line.Width = vg.Points(2.5)
		}
		points.Color, points.Shape = plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, points)
		p.Legend.Add(s.name, line, points)
	}
	if xs.max == 0 {
		return nil // nothing of it was measured
	}
	logarithmic(&p.X, xs)
	p.X.Max *= 1.2 // room for the last number
	logarithmic(&p.Y, ys)
	p.Add(plotter.NewGrid())
	return p.Save(8*vg.Inch, 6*vg.Inch, file)
}

// ours says that a system is txcommit.
func ours(name string) bool {
	return strings.HasPrefix(name, "library") || strings.HasPrefix(name, "command")
}

// points are those of a system that a logarithmic scale can show.
func (r *report) points(device, system string, f figure) plotter.XYs {
	var pts plotter.XYs
	for _, n := range r.Rows {
		if y := f.of(n); n.Device == device && n.System == system && n.Files > 0 && y > 0 {
			pts = append(pts, plotter.XY{X: float64(n.Files), Y: y})
		}
	}
	return pts
}

// span holds all that was added, which is above 0.
type span struct{ min, max float64 }

func (s *span) add(v float64) {
	if s.max == 0 {
		s.min = v
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
}

// logarithmic gives an axis whole powers of ten as its ends, at least one apart.
func logarithmic(a *plot.Axis, s span) {
	low := math.Floor(math.Log10(s.min))
	high := max(math.Ceil(math.Log10(s.max)), low+1)
	a.Min, a.Max = math.Pow(10, low), math.Pow(10, high)
	a.Scale, a.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
}
