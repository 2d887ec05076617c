package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/txcommit/txcommit/txn"
)

const (
	// progressAfter is how long work takes that is worth a line.
	progressAfter = 300 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// progress draws one line about how far a commit is, and takes it away in the end.
type progress struct {
	w     io.Writer
	after time.Duration
	width func() int

	mu      sync.Mutex
	now     txn.Progress
	since   time.Time // when the phase began
	drawn   int       // the length of the line that stands there
	stopped chan struct{}
	ended   chan struct{}
}

// progress returns the progress that is drawn, nil if none is: by --progress, else on a terminal; never with --quiet.
func (a *app) progress(flags *commitFlags) *progress {
	always := flags.progress.value == "always"
	if a.flags.quiet || flags.progress.value == "never" || !always && !isTerminal(a.stderr) {
		return nil
	}
	return &progress{w: a.stderr, after: progressAfter, width: widthOf(a.stderr)}
}

// widthOf returns a function that tells the present width of a terminal, for anything else a usual one.
func widthOf(w io.Writer) func() int {
	return func() int {
		if f, ok := w.(*os.File); ok {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
		}
		return 80
	}
}

// update takes what the engine tells. The first call starts the clock.
func (p *progress) update(now txn.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil {
		p.stopped, p.ended = make(chan struct{}), make(chan struct{})
		go p.draw()
	}
	if now.Phase != p.now.Phase {
		p.since = time.Now()
	}
	p.now = now
}

func (p *progress) draw() {
	defer close(p.ended)
	wait := time.NewTimer(p.after)
	defer wait.Stop()
	for {
		select {
		case <-p.stopped:
			return
		case <-wait.C:
		}
		p.mu.Lock()
		p.redraw(line(p.now, time.Since(p.since)))
		p.mu.Unlock()
		wait.Reset(progressEvery)
	}
}

// stop takes the line away. Nothing is drawn after it.
func (p *progress) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	started := p.stopped != nil
	p.mu.Unlock()
	if !started {
		return
	}
	close(p.stopped)
	<-p.ended
	p.redraw("")
}

// redraw puts a line in the place of the one that stands there. That one may be on several rows by now, if the terminal
// was made narrower.
func (p *progress) redraw(text string) {
	width := p.width()
	if n := width - 1; len(text) > n {
		text = text[:max(n, 0)]
	}
	var b strings.Builder
	if p.drawn > 0 {
		if rows := (p.drawn - 1) / max(width, 1); rows > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", rows)
		}
		b.WriteString("\r\x1b[J")
	}
	b.WriteString(text)
	p.drawn = len(text)
	_, _ = io.WriteString(p.w, b.String()) // if it is refused, nobody looks
}

// phases are what is going on, in words.
var phases = map[string]string{
	txn.PhasePlan: "looking", txn.PhaseStage: "staging", txn.PhaseSync: "syncing", txn.PhaseCommit: "committing",
}

// line says how far the work is that has taken so long, in ASCII.
func line(p txn.Progress, took time.Duration) string {
	text := phases[p.Phase]
	if p.Files > 0 || p.Bytes > 0 {
		text += fmt.Sprintf("  %d/%d files  %s/%s", p.Files, p.OfFiles, size(p.Bytes), size(p.OfBytes))
		if s := took.Seconds(); s > 0 {
			text += "  " + size(int64(float64(p.Bytes)/s)) + "/s"
		}
	} else if p.OfFiles > 0 {
		text += fmt.Sprintf("  %s  %s", plural(p.OfFiles, "file"), size(p.OfBytes))
	}
	return text
}

// size is a number of bytes as people say it.
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 1<<10 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit-1])
}
