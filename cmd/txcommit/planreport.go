package main

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/txcommit/txcommit/txn"
)

// planReport is what plan and --dry-run say.
type planReport struct {
	commitReport
	Changes []changeDoc `json:"changes"`

	paint paint
	tells bool // by the exit code that there are changes
}

func (r *planReport) exitCode() int {
	if r.tells {
		return exitChanges
	}
	return exitOK
}

// changeDoc is one line of a plan.
type changeDoc struct {
	Symbol string  `json:"symbol"`
	Path   pathDoc `json:"path"`
	From   pathDoc `json:"from,omitempty"`
	// Kind is that of what is there after the change, or was before it: "file", "directory" or "link".
	Kind string `json:"kind,omitempty"`
	// Diff is a unified diff, with --diff.
	Diff string `json:"diff,omitempty"`

	// detail is what else is worth knowing, in words.
	detail string
}

func newPlanReport(p *txn.Plan, all bool) *planReport {
	r := &planReport{commitReport: *newCommitReport(), Changes: make([]changeDoc, 0, len(p.Changes))}
	r.Result, r.ID, r.Bytes = "planned", p.ID, p.Bytes
	r.Created, r.Changed, r.Removed, r.Unchanged, r.folders = p.Created, p.Changed, p.Removed, p.Unchanged, p.Folders
	for _, c := range p.Changes {
		if c.Symbol == '=' && !all {
			continue
		}
		kind := kindOf(c.After)
		if !c.After.Exists {
			kind = kindOf(c.Before)
		}
		r.Changes = append(r.Changes, changeDoc{
			Symbol: string(rune(c.Symbol)), Path: pathDoc(c.Path), From: pathDoc(c.From), Kind: kind, detail: detail(c),
		})
	}
	return r
}

func kindOf(e txn.Entry) string {
	switch {
	case !e.Exists:
		return ""
	case e.Mode.IsDir():
		return "directory"
	case e.Mode&fs.ModeSymlink != 0:
		return "link"
	}
	return "file"
}

// detail says in a few words what changes at a path.
func detail(c txn.Change) string {
	was, now := c.Before, c.After
	switch {
	case !now.Exists:
		return ""
	case c.Symbol == 'm':
		return octal(was.Mode) + " -> " + octal(now.Mode)
	case c.Symbol == '>':
		return strings.TrimPrefix(otherNames(c), ", ")
	case c.Symbol != '+' && c.Symbol != '~':
		return ""
	}
	switch kind := kindOf(now); {
	case c.Symbol == '~' && kindOf(was) != kind:
		return kindOf(was) + " -> " + kind
	case kind == "link":
		return "link to " + quote(now.Target)
	case kind != "file":
		return ""
	case c.Symbol == '+' || was.Size == now.Size:
		return plural(now.Size, "byte") + newMode(c) + otherNames(c)
	}
	return fmt.Sprintf("%d -> %s%s%s", was.Size, plural(now.Size, "byte"), newMode(c), otherNames(c))
}

// otherNames tells that a file that is replaced has more names, which keep the old content.
func otherNames(c txn.Change) string {
	if c.Before.Links < 2 {
		return ""
	}
	return fmt.Sprintf(", one of %d hard links", c.Before.Links)
}

// newMode tells of a mode that changes along with the content.
func newMode(c txn.Change) string {
	if c.Symbol != '~' || c.After.Umask || c.Before.Mode == c.After.Mode {
		return ""
	}
	return ", " + octal(c.Before.Mode) + " -> " + octal(c.After.Mode)
}

// octal returns a mode as manifests spell it.
func octal(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for mode, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&mode != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// symbolColours say at a glance what comes and what goes.
var symbolColours = map[string]string{"+": green, "-": red, "~": yellow, ">": cyan, "m": magenta}

func (r *planReport) text() string {
	if r.repeated != "" {
		return r.commitReport.text()
	}
	var b strings.Builder
	writeRecovered(&b, r.Recovered, r.Displaced)
	changes, width := 0, r.width()
	for _, c := range r.Changes {
		line := c.Symbol + " " + c.name()
		if c.detail != "" {
			line += strings.Repeat(" ", max(width-utf8.RuneCountInString(c.name()), 0)) + "  " + c.detail
		}
		b.WriteString(r.paint.in(symbolColours[c.Symbol], line) + "\n")
		if c.Symbol != "=" {
			changes++
		}
	}
	r.writeDiffs(&b)
	if changes == 0 {
		fmt.Fprintf(&b, "nothing to do: %d unchanged\n", r.Unchanged)
		return b.String()
	}
	fmt.Fprintf(&b, "plan: %d to create, %d to change, %d to remove, %d unchanged%s (%s)\n",
		r.Created, r.Changed, r.Removed, r.Unchanged, r.onlyFolders(), plural(r.Bytes, "byte"))
	return b.String()
}

// widest is up to where details are put below each other; the few that follow a longer name stand out.
const widest = 60

// width is that of the column of names.
func (r *planReport) width() int {
	width := 0
	for _, c := range r.Changes {
		if n := utf8.RuneCountInString(c.name()); c.detail != "" && n <= widest {
			width = max(width, n)
		}
	}
	return width
}

// name is the path as people read it.
func (c changeDoc) name() string {
	name, slash := quote(string(c.Path)), ""
	if c.Kind == "directory" {
		slash = "/"
	}
	if c.From != "" {
		return quote(string(c.From)) + slash + " -> " + name + slash
	}
	return name + slash
}

func (r *planReport) writeDiffs(b *strings.Builder) {
	found := false
	for _, c := range r.Changes {
		if c.Diff == "" {
			continue
		}
		if !found {
			b.WriteString("\n")
		}
		found = true
		for line := range strings.Lines(c.Diff) {
			text := strings.TrimSuffix(line, "\n")
			b.WriteString(r.paint.in(diffColour(text), text) + line[len(text):])
		}
	}
	if found {
		b.WriteString("\n")
	}
}

// diffColour is that of a line of a diff.
func diffColour(line string) string {
	switch {
	case strings.HasPrefix(line, "@@"):
		return cyan
	case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "diff "):
		return bold
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	}
	return ""
}
