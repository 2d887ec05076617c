package main

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// screen is a terminal of some width with one line of history: it understands what progress writes, and reflows what
// stands there when its width changes.
type screen struct {
	rows  []string
	width int
}

func (s *screen) resize(width int) {
	var rows []string
	for _, r := range s.rows {
		for len(r) > width {
			rows, r = append(rows, r[:width]), r[width:]
		}
		rows = append(rows, r)
	}
	s.rows, s.width = rows, width
}

// Write takes text, "\r", "\x1b[J" and "\x1b[nA"; the cursor is at the end, or at the start of the line that was gone up to.
func (s *screen) Write(p []byte) (int, error) {
	text, up := string(p), 0
	if n, err := fmt.Sscanf(text, "\x1b[%dA", &up); n == 1 && err == nil {
		_, text, _ = strings.Cut(text, "A")
	}
	if rest, ok := strings.CutPrefix(text, "\r\x1b[J"); ok {
		s.rows, text = append(s.rows[:len(s.rows)-1-up], ""), rest
	}
	s.rows[len(s.rows)-1] += text
	s.resize(s.width)
	return len(p), nil
}

// TestProgressLine draws on a terminal whose width changes: one row stands there at any time as long as the width stays,
// nothing above it is touched, and nothing is left in the end.
func TestProgressLine(t *testing.T) {
	s := &screen{rows: []string{"$ txcommit apply", ""}, width: 80}
	p := &progress{w: s, width: func() int { return s.width }}
	state := txn.Progress{Phase: txn.PhaseStage, Files: 12, OfFiles: 345, Bytes: 6 << 20, OfBytes: 7 << 30}
	for _, width := range []int{80, 30, 9, 120, 20, 21, 2, 80} {
		s.resize(width)
		p.redraw(line(state, time.Second))
		if last := s.rows[len(s.rows)-1]; len(last) >= width || width > 60 && last != "staging  12/345 files  6.0 MiB/7.0 GiB  6.0 MiB/s" {
			t.Errorf("width %d: the line is %q", width, last)
		}
		if above := strings.Join(s.rows[:len(s.rows)-1], ""); above != "$ txcommit apply" {
			t.Errorf("width %d: above the line is %q", width, above)
		}
	}
	p.redraw("")
	if last := s.rows[len(s.rows)-1]; last != "" {
		t.Errorf("in the end %q is left", last)
	}
}

// TestProgressStops updates and stops from the start: what is short draws nothing, and after stop nothing is drawn.
func TestProgressStops(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, after: time.Hour, width: func() int { return 80 }}
	p.stop()
	p.update(txn.Progress{Phase: txn.PhasePlan})
	p.update(txn.Progress{Phase: txn.PhaseStage, OfFiles: 1})
	p.stop()
	if out.Len() > 0 {
		t.Errorf("short work has drawn %q", &out)
	}
	p = &progress{w: &out, width: func() int { return 80 }}
	p.update(txn.Progress{Phase: txn.PhaseSync, OfFiles: 2, OfBytes: 1 << 10})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		p.mu.Lock()
		drawn := p.drawn
		p.mu.Unlock()
		if drawn > 0 {
			break
		}
	}
	p.stop()
	if got, want := out.String(), "syncing  2 files  1.0 KiB"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\r\x1b[J") {
		t.Errorf("drawn: %q, want %q first, and in the end nothing", got, want)
	}
}

// TestProgressOnlyOnTerminals checks who gets a line: not a pipe, not with -q, and a file only when told to.
func TestProgressOnlyOnTerminals(t *testing.T) {
	for _, tt := range []struct {
		flag  string
		quiet bool
		want  bool
	}{{"auto", false, false}, {"", false, false}, {"never", false, false}, {"always", false, true}, {"always", true, false}} {
		a, _, _ := newTestApp("text")
		a.flags.quiet = tt.quiet
		flags := &commitFlags{}
		flags.progress.value = tt.flag
		if got := a.progress(flags) != nil; got != tt.want {
			t.Errorf("--progress %s, quiet %v: got %v, want %v", tt.flag, tt.quiet, got, tt.want)
		}
	}
}
