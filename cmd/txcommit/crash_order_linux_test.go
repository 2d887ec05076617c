package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestOuterOrder looks at the order of the calls of a commit on two file systems: what a kill does not tell, since it loses
// nothing that was written, a power cut would.
func TestOuterOrder(t *testing.T) {
	bin := needBinary(t)
	s := spreadWorkloads[0].ready(t, bin, filepath.Join(workFolder(t), "stand"))
	res := s.run(t, supervise.Fault{}, supervise.Options{Trace: true}, s.args()...)
	if res.ExitCode != exitOK {
		t.Fatalf("exit code %d: %s", res.ExitCode, res.Stderr)
	}
	const outer, stage = `root/m/.txcommit-ID-0`, `root/.txcommit/stage`
	calls := strings.Split(strings.ReplaceAll(callsOf(res.Trace), s.dir+"/", ""), "\n")
	next := 0
	// then goes on to the next call that matches, from which the search goes on: each must come after the one before.
	then := func(why, call string) {
		t.Helper()
		pattern := regexp.MustCompile(`^\d+ ` + call + `$`)
		for i := next; i < len(calls); i++ {
			if pattern.MatchString(calls[i]) {
				next = i + 1
				return
			}
		}
		t.Fatalf("%s: no %s after call %d of\n%s", why, call, next, strings.Join(calls, "\n"))
	}
	never := func(why, call string) {
		t.Helper()
		for i, c := range calls[:next] {
			if regexp.MustCompile(`^\d+ ` + call).MatchString(c) {
				t.Fatalf("%s: %s is call %d, before call %d of\n%s", why, call, i, next, strings.Join(calls, "\n"))
			}
		}
	}
	then("the note is written", `write fd=`+stage+`/ID/outer-0`)
	for _, synced := range []string{stage + "/ID/outer-0", stage + "/ID", stage, "root/.txcommit", "root"} {
		then("the note and the way to it", `fsync fd=`+synced)
	}
	never("the folder comes after its note", `mkdirat fd=root/m path=.txcommit`)
	then("the folder", `mkdirat fd=root/m path=.txcommit-ID-0`)
	// While others have much unwritten data, a barrier is a sync of each file and folder.
	then("barrier 1 there", `(syncfs|fsync) fd=`+outer)
	then("barrier 1 at home", `(syncfs|fsync) fd=`+stage+`/ID`)
	then("the commit point", `fdatasync fd=root/.txcommit/journal.db`)
	never("no step before the commit point", `renameat2 fd=root/m path=a`)
	then("the last step", `renameat2 fd=root/m path=dir -> moved`)
	then("barrier 3 at home", `(syncfs fd=`+stage+`/ID|fsync fd=root)`)
	then("barrier 3 there", `(syncfs fd=`+outer+`|fsync fd=root/m)`)
	never("not ended before", `renameat2 fd=`+stage+` path=ID -> ID.ended`)
	then("the end", `renameat2 fd=`+stage+` path=ID -> ID.ended`)
	then("the end is durable", `fsync fd=`+stage)
	never("needed until then", `unlinkat fd=`+outer)
	then("it goes", `unlinkat fd=root/m path=.txcommit-ID-0`)
	then("it is gone durably", `fsync fd=root/m`)
	never("its note stays until then", `renameat2 fd=`+stage+` path=ID.ended -> `)
	then("the stage folder goes", `renameat2 fd=`+stage+` path=ID.ended -> ID.ended`)
}

// TestOuterEndsHistory kills a commit on two file systems among its steps: the recovery that completes it ends the history, as
// the commit would have.
func TestOuterEndsHistory(t *testing.T) {
	bin := needBinary(t)
	w := spreadWorkloads[0]
	w.history = 1
	s := w.ready(t, bin, filepath.Join(workFolder(t), "stand"))
	match := func(c supervise.Call) bool { return c.Name == "renameat2" && strings.HasPrefix(c.Path, "l -> ") }
	if res := s.apply(t, supervise.Fault{At: 1, Match: match, Kill: true}); res.Hit == nil {
		t.Fatalf("not killed: exit code %d", res.ExitCode)
	}
	if res := s.run(t, supervise.Fault{}, supervise.Options{}, "recover"); res.ExitCode != exitOK {
		t.Fatalf("recover: %s", res.Stderr)
	}
	if _, err := s.checkTree(renewed); err != nil {
		t.Error(err)
	}
	if res := s.run(t, supervise.Fault{}, supervise.Options{}, "history"); !strings.Contains(string(res.Stdout), "nothing is kept") {
		t.Errorf("history: %s", res.Stdout)
	}
	if err := s.checkRest(t, renewed); err != nil {
		t.Error(err)
	}
}
