package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// failure is the error of a report.
type failure struct {
	Kind    string  `json:"kind"`
	Path    pathDoc `json:"path,omitempty"`
	Pointer string  `json:"pointer,omitempty"`
	Message string  `json:"message"`
	Hint    string  `json:"hint,omitempty"`
}

// finish prints what there is to say and returns the exit code. What a command has done comes before the error.
func (a *app) finish(err error) int {
	code, result := judge(err, a.signalled())
	if err == nil {
		return a.printed(a.report, code)
	}
	f := a.explain(err)
	rep, ok := a.report.(failing)
	if !ok {
		rep = newCommitReport()
	}
	rep.fail(result, f)
	code = a.printed(rep, code)
	a.complain(f)
	return code
}

// printed prints rep. If that is refused the exit code still tells what became of the tree; a command that only
// reports has failed.
func (a *app) printed(rep report, code int) int {
	err := a.print(rep)
	if err == nil {
		return code
	}
	a.complain(&failure{Message: "standard output: " + plain(err)})
	if _, commits := rep.(*commitReport); !commits && code == exitOK {
		return exitFailed
	}
	return code
}

// print writes rep to standard output, at once.
func (a *app) print(rep report) error {
	if !a.flags.json() {
		if a.flags.quiet {
			return nil
		}
		text := rep.text()
		switch rep.(type) {
		case *commitReport, *recoverReport, *statusReport, *doctorReport:
			text = a.paints(a.stdout).tint(text)
		}
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(rep)
}

// explain puts err into words.
func (a *app) explain(err error) *failure {
	tip := advise(err)
	f := &failure{Kind: tip.kind, Hint: tip.hint, Message: plain(err)}
	switch tip.kind {
	case "interrupted":
		f.Message = "interrupted: nothing was committed"
	case "cleanup":
		f.Message = "warning: " + a.done() + "not cleaned up: " + f.Message
	}
	if own, ok := errors.AsType[*fault](err); ok && own.hint != "" {
		f.Hint = own.hint
	}
	if bad, ok := errors.AsType[*manifest.Error](err); ok {
		f.Kind, f.Pointer = "manifest", bad.Pointer
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		f.Path = pathDoc(pe.Path)
	}
	if op, ok := errors.AsType[*txn.Error](err); ok {
		f.Path = pathDoc(op.Path)
		a.locate(f, op, err)
	}
	return f
}

// done begins the message about what was not cleaned up.
func (a *app) done() string {
	switch rep := a.report.(type) {
	case *recoverReport, *gcReport:
		return "" // there was nothing else to be done
	case *commitReport:
		if rep.Result == "unchanged" {
			return "nothing to do, but "
		}
	}
	return "committed, but "
}

// locate adds where the manifest has the op that went wrong. What is wrong whatever the tree holds is an error of the
// manifest, and led by its position.
func (a *app) locate(f *failure, op *txn.Error, err error) {
	if a.manifest == nil {
		return
	}
	where := a.manifest.ErrorAt(op.Op, err)
	f.Pointer = where.Pointer
	if errors.Is(err, fs.ErrInvalid) {
		f.Message = plain(where, names(err)...)
	}
}

// plain returns err in one line, with the names in it quoted where they must be.
func plain(err error, more ...string) string {
	all := append(names(err), more...)
	slices.SortFunc(all, func(x, y string) int { return len(y) - len(x) }) // one may begin with another
	var pairs []string
	for _, name := range all {
		if quoted := quote(name); quoted != name {
			pairs = append(pairs, name, quoted)
		}
	}
	msg := strings.NewReplacer(pairs...).Replace(err.Error()) // at once: what is quoted stays so
	return escape(strings.ReplaceAll(msg, "\n", "; "))
}

// names returns the names that err's text has in it.
func names(err error) []string {
	var all []string
	if e, ok := errors.AsType[*txn.Error](err); ok {
		all = append(all, e.Path)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		all = append(all, e.Path)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		all = append(all, e.Old, e.New)
	}
	if e, ok := errors.AsType[*manifest.Error](err); ok {
		all = append(all, e.Name)
	}
	return all
}

// complain prints an error and its hint to standard error. If that is refused, nobody is there to be told.
func (a *app) complain(f *failure) {
	p := a.paints(a.stderr)
	_, _ = fmt.Fprintf(a.stderr, "%s %s\n", p.in(red, "txcommit:"), f.Message)
	if f.Hint != "" {
		_, _ = fmt.Fprintf(a.stderr, "%s %s\n", p.in(yellow, "hint:"), f.Hint)
	}
}
