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
	then("barrier 1 there", `syncfs fd=`+outer)
	then("barrier 1 at home", `syncfs fd=`+stage+`/ID`)
	then("the commit point", `fdatasync fd=root/.txcommit/journal.db`)
	never("no step before the commit point", `renameat2 fd=root/m path=a`)
	then("the last step", `renameat2 fd=root/m path=dir -> moved`)
	then("barrier 3 at home", `syncfs fd=`+stage+`/ID`)
	then("barrier 3 there", `syncfs fd=`+outer)
	never("not ended before", `renameat2 fd=`+stage+` path=ID -> ID.ended`)
	then("the end", `renameat2 fd=`+stage+` path=ID -> ID.ended`)
	then("the end is durable", `fsync fd=`+stage)
	never("needed until then", `unlinkat fd=`+outer)
	then("it goes", `unlinkat fd=root/m path=.txcommit-ID-0`)
	then("it is gone durably", `fsync fd=root/m`)
	never("its note stays until then", `renameat2 fd=`+stage+` path=ID.ended -> `)
	then("the stage folder goes", `renameat2 fd=`+stage+` path=ID.ended -> ID.ended`)
}
