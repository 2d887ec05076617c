//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder notes in which order it was called.
type recorder struct {
	mu  sync.Mutex
	got []string
}

func (r *recorder) publish(_ context.Context, in *input) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, filepath.Base(filepath.Dir(in.dir)))
	return nil
}

func (*recorder) close() error { return nil }

// Each commit of each lane is published once, those of a lane in their order, and no two rounds or commits have the same
// content.
func TestLanes(t *testing.T) {
	in, err := newLanes(t.TempDir(), 3, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for round := range 2 {
		if err := in.fillLanes(round, 16); err != nil {
			t.Fatal(err)
		}
		for _, one := range in.commits() {
			for _, b := range one.data {
				seen[string(b)] = true
			}
		}
	}
	if got, want := len(seen), 2*3*4*2; got != want {
		t.Errorf("got %d different contents, want %d", got, want)
	}
	r := &recorder{}
	if err := in.publish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for l := range 3 {
		lane := fmt.Sprintf("l%02d", l)
		var got []string
		for _, name := range r.got {
			if strings.HasPrefix(name, lane) {
				got = append(got, strings.TrimPrefix(name, lane))
			}
		}
		if got, want := strings.Join(got, ""), "-c000-c001-c002-c003"; got != want {
			t.Errorf("lane %d: got %s, want %s", l, got, want)
		}
	}
	if err := in.verify(t.Context(), below(t.TempDir())); err == nil {
		t.Error("got no error for an empty folder")
	}
}

// small returns a report of a device with a few rows: what the plots and the tables have to cope with.
func small() *report {
	rep := newReport(systems())
	d := &device{Name: "/mnt/x y"}
	rep.begin(d)
	add := func(w *workload, name string, commits int, s sample) {
		rep.add(d, w, &contestant{system: &system{name: name}, samples: []sample{s}}, commits, 0)
	}
	for _, n := range []int{1, 10} {
		add(replace(n), "cp", 1, sample{Time: time.Millisecond, Flushes: 2})
		add(replace(n), "library-process", 1, sample{Time: 3 * time.Millisecond}) // no flushes: not on a logarithmic scale
	}
	add(steady(50), "renameio", 50, sample{Time: time.Second, Flushes: 525})
	add(steady(50), "library", 50, sample{Time: time.Second / 2, Flushes: 300, After: 50 * time.Millisecond})
	return rep
}

// The figures of many commits are told for one, and each ratio is to the first system of its table.
func TestPrint(t *testing.T) {
	var b strings.Builder
	small().print(&b)
	for _, want := range []string{
		"| library-process | 3.0 ms | 3.00 |  | 0.0 ms |  | 0 | 0.00 MiB |  |\n",
		"| renameio | 20.0 ms | 1.00 | 50 | 0.0 ms |  | 10.5 | 0.00 MiB |  |\n",
		"| library | 10.0 ms | 0.50 | 100 | 0.0 ms | 1.0 ms, 0.0 ms | 6.0 | 0.00 MiB |  |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant in it %s", b.String(), want)
		}
	}
}

// Each device gets its plots, with the systems that have something to show; a device without points gets none.
func TestPlots(t *testing.T) {
	rep, dir := small(), t.TempDir()
	rep.begin(&device{Name: "empty"})
	if err := rep.plots(dir); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file          string
		want, wantNot string
	}{
		{"mnt-x y-time.svg", "library-process", "renameio"},
		{"mnt-x y-flushes.svg", ">cp<", "library-process"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, test.file))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(b); !strings.Contains(got, test.want) || strings.Contains(got, test.wantNot) {
			t.Errorf("%s: want %q in it and %q not: %s", test.file, test.want, test.wantNot, got)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("got %v (%v), want two files", all, err)
	}
}

// A system that cannot be installed is told and left out, the others run; any other error ends the run.
func TestInstalled(t *testing.T) {
	failing := func(err error) *system {
		return &system{name: "other", install: func(context.Context, string) error { return err }}
	}
	rep := newReport(nil)
	there, _, remove, err := installed(t.Context(), []*system{copySystem(), failing(fmt.Errorf("%w npm", errNeeds))}, rep)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if len(there) != 1 || there[0].name != "cp" {
		t.Errorf("got %v, want cp alone", names(there))
	}
	if got, want := strings.Join(rep.Left, ""), "other is not installed: needs npm"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, _, _, err := installed(t.Context(), []*system{failing(io.ErrUnexpectedEOF)}, rep); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// What is touched stays below what was asked for, and it ends with its context.
func TestWarm(t *testing.T) {
	if n, err := warm(t.Context(), 300<<20); err != nil || n > 300<<20 {
		t.Errorf("got %d bytes and %v, want at most 300 MiB and no error", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := warm(ctx, 1<<40); n != 0 || err == nil {
		t.Errorf("cancelled: got %d bytes and %v, want none and an error", n, err)
	}
}
