package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Colours mean the same everywhere: what comes, what goes, what changes, what moves, where something is.
const (
	red     = "31"
	green   = "32"
	yellow  = "33"
	magenta = "35"
	cyan    = "36"
	bold    = "1"
)

// paint colours text, or leaves it as it is.
type paint bool

func (p paint) in(colour, text string) string {
	if !p || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// paints says whether what goes to w gets its colours: by --color, else on a terminal that NO_COLOR does not keep plain
// (https://no-color.org).
func (a *app) paints(w io.Writer) paint {
	switch a.flags.color.value {
	case "always":
		return true
	case "never":
		return false
	}
	return paint(os.Getenv("NO_COLOR") == "" && isTerminal(w))
}

// isTerminal says whether w is a terminal that does more than print.
func isTerminal(w io.Writer) bool {
	f, isFile := w.(*os.File)
	return isFile && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// tints are the colours of the words that lines begin with: whether all is well, whether somebody should look.
var tints = []struct{ word, colour string }{
	{"committed ", green},
	{"clean", green},
	{"recovered ", cyan},
	{"rolled back ", yellow},
	{"busy", yellow},
	{"pending", yellow},
	{"kept: ", yellow},
	{"not recovered ", red},
	{"torn: ", red},
	{"ok ", green},
	{"warn ", yellow},
	{"fail ", red},
}

// tint colours the words of text that say what became of a command.
func (p paint) tint(text string) string {
	if !p {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		for _, t := range tints {
			if rest, ok := strings.CutPrefix(line, t.word); ok {
				word := strings.TrimSuffix(t.word, " ")
				line = p.in(t.colour, word) + t.word[len(word):] + rest
				break
			}
		}
		b.WriteString(line)
	}
	return b.String()
}
