package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// report is what a command has to say: by its fields as one JSON object, in which arrays are never null, or as text.
type report interface {
	// text returns whole lines.
	text() string
}

// failing is a report that can tell about an error too.
type failing interface {
	report
	// fail notes an error and what it made of the command.
	fail(result string, f *failure)
}

// commitReport is what the commands that commit say. Any command that fails before it has a report uses it as well.
type commitReport struct {
	Result     string         `json:"result"`
	ID         string         `json:"id"`
	Created    int            `json:"created"`
	Changed    int            `json:"changed"`
	Removed    int            `json:"removed"`
	Unchanged  int            `json:"unchanged"`
	Bytes      int64          `json:"bytes"`
	Kept       int64          `json:"kept_bytes"`
	NotKept    bool           `json:"not_kept,omitempty"`
	DurationMS float64        `json:"duration_ms"`
	Recovered  []recoveredDoc `json:"recovered"`
	Displaced  []pathDoc      `json:"displaced"`
	// HardLinked are the replaced files that have other names, which keep the old content.
	HardLinked []pathDoc `json:"hard_linked,omitempty"`
	Error      *failure  `json:"error,omitempty"`

	// repeated is the user's id that was committed before.
	repeated string
	// folders counts the directories that were changed; no other count does.
	folders int
}

func newCommitReport() *commitReport {
	return &commitReport{Recovered: []recoveredDoc{}, Displaced: []pathDoc{}}
}

// recovered adds transactions that had to be ended first.
func (r *commitReport) recovered(rs []txn.Recovery) {
	r.Recovered = append(r.Recovered, recoveredDocs(rs)...)
	r.Displaced = displaced(r.Displaced, nil, rs)
}

// before adds what was ended before err, which nothing else tells.
func (r *commitReport) before(err error) {
	if e, ok := errors.AsType[*txn.RecoveryError](err); ok {
		r.recovered(e.Report.Recovered)
		r.Displaced = displaced(r.Displaced, e.Report.Displaced, nil)
	}
}

// took adds what a commit did. What it only meant to do does not count. key is the id that the user gave it.
func (r *commitReport) took(res *txn.Result, key string) {
	r.recovered(res.Recovered)
	r.Displaced = displaced(r.Displaced, res.Displaced, nil)
	r.ID, r.DurationMS = res.ID, milliseconds(res.Duration)
	if !res.Committed {
		return
	}
	r.Created, r.Changed, r.Removed, r.Unchanged = res.Created, res.Changed, res.Removed, res.Unchanged
	r.Bytes, r.Kept, r.folders = res.Bytes, res.Kept, res.Folders
	r.NotKept, r.HardLinked = res.NotKept, pathDocs(res.HardLinked)
	switch {
	case res.Repeated:
		r.Result, r.repeated = "unchanged", key
	case res.ID == "":
		r.Result = "unchanged"
	default:
		r.Result = "committed"
	}
}

func (r *commitReport) fail(result string, f *failure) {
	if result != "committed" || r.Result != "unchanged" { // only the cleaning up has failed, and nothing was to do
		r.Result = result
	}
	r.Error = f
}

func (r *commitReport) text() string {
	var b strings.Builder
	writeRecovered(&b, r.Recovered, r.Displaced)
	switch {
	case r.Result == "committed":
		fmt.Fprintf(&b, "committed %s: %d created, %d changed, %d removed, %d unchanged%s (%s) in %s\n", r.ID, r.Created,
			r.Changed, r.Removed, r.Unchanged, r.onlyFolders(), plural(r.Bytes, "byte"), duration(r.DurationMS))
		if r.Kept > 0 {
			fmt.Fprintf(&b, "kept %s for undo (--history 0 keeps nothing)\n", plural(r.Kept, "byte"))
		}
		if r.NotKept {
			b.WriteString("not kept for undo, and the history ends here: it changed another file system, mount, subvolume or project\n")
		}
		r.writeHardLinked(&b)
	case r.Result == "rolled-back":
		fmt.Fprintf(&b, "rolled back %s: the tree is as it was\n", r.ID)
	case r.repeated != "":
		fmt.Fprintf(&b, "already committed as id %q: nothing to do\n", r.repeated)
	case r.Result == "unchanged":
		fmt.Fprintf(&b, "nothing to do: %d unchanged\n", r.Unchanged)
	}
	return b.String()
}

// writeHardLinked tells of the first few files whose other names keep the old content.
func (r *commitReport) writeHardLinked(b *strings.Builder) {
	const few = 5
	for i, p := range r.HardLinked {
		if i == few {
			fmt.Fprintf(b, "note: so have %d more\n", len(r.HardLinked)-few)
			return
		}
		fmt.Fprintf(b, "note: %s has other names (hard links), which keep the old content\n", quote(string(p)))
	}
}

// onlyFolders tells of directories where no file or link has changed.
func (r *commitReport) onlyFolders() string {
	switch {
	case r.folders == 0 || r.Created+r.Changed+r.Removed > 0:
		return ""
	case r.folders == 1:
		return ", 1 directory"
	}
	return fmt.Sprintf(", %d directories", r.folders)
}

// recoveredDoc is what became, or will become, of one unfinished transaction.
type recoveredDoc struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Message string `json:"message"`
	// Torn are the paths that do not hold what was written.
	Torn []pathDoc `json:"torn,omitempty"`
}

func (d recoveredDoc) String() string {
	if d.Message == "" {
		return d.ID + ": " + d.Outcome
	}
	return d.ID + ": " + d.Outcome + " (" + escape(d.Message) + ")"
}

func recoveredDocs(rs []txn.Recovery) []recoveredDoc {
	docs := make([]recoveredDoc, 0, len(rs))
	for _, r := range rs {
		docs = append(docs, recoveredDoc{r.ID, r.Outcome, r.Message, pathDocs(r.Torn)})
	}
	return docs
}

// displaced adds paths, and what rs displaced, to those before, each once.
func displaced(before []pathDoc, paths []string, rs []txn.Recovery) []pathDoc {
	all := append(before, pathDocs(paths)...)
	for _, r := range rs {
		all = append(all, pathDocs(r.Displaced)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func writeRecovered(b *strings.Builder, rs []recoveredDoc, paths []pathDoc) {
	for _, r := range rs {
		verb := "recovered"
		if r.Outcome == "incomplete" {
			verb = "not recovered"
		}
		fmt.Fprintf(b, "%s %s\n", verb, r)
		for _, p := range r.Torn {
			fmt.Fprintf(b, "torn: %s (to be written again)\n", quote(string(p)))
		}
	}
	writeDisplaced(b, paths)
}

func writeDisplaced(b *strings.Builder, paths []pathDoc) {
	for _, p := range paths {
		fmt.Fprintf(b, "kept: %s (%s)\n", quote(string(p)), whyKept(path.Base(string(p))))
	}
}

// Compiled when they are asked for: most commands are not.
var (
	stageName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.ended)?$`)
	})
	outerName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\.txcommit-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]+$`)
	})
	asideName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z.]+\.[0-9]{8}T[0-9]{6}\.[0-9]{9}$`) })
)

// whyKept tells by its name why something is in displaced/.
func whyKept(name string) string {
	switch {
	case stageName().MatchString(name):
		return "what was left of the transaction"
	case outerName().MatchString(name):
		return "left where it is: what it is on is not mounted for writing, or the directory that it is in was moved; look for its name"
	case asideName().MatchString(name):
		return "set aside for a new one"
	}
	return "was in the way"
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func duration(ms float64) string {
	if ms < 1000 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// plural counts things whose plural ends in s.
func plural[N int | int64](n N, thing string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", thing)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
