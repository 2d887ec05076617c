package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestStateFolderDeleted deletes the whole state folder before each call of a commit. What the exit code says is true:
// before the steps it is an error, and the tree is old; between two steps the old contents are gone with the folder, and it
// is incomplete.
func TestStateFolderDeleted(t *testing.T) {
	bin, dir := needBinary(t), filepath.Join(workFolder(t), "stand")
	codes := map[int]int{}
	for _, w := range []*workload{&workloads[0], &workloads[1]} {
		for n := 1; ; n++ {
			s := w.ready(t, bin, dir)
			res := s.apply(t, supervise.Fault{At: n, Stop: func(supervise.Call) {
				deleteAll(t, filepath.Join(s.root(), ".txcommit"))
			}})
			if res.Hit == nil {
				break
			}
			codes[res.ExitCode]++
			may, ok := map[int]verdict{exitOK: renewed, exitCleanup: renewed, exitFailed: old, exitConflict: old}[res.ExitCode]
			if _, err := s.checkTree(may); res.ExitCode != exitIncomplete && (err != nil || !ok) {
				t.Errorf("%v: exit code %d: %v\n%s", res.Hit, res.ExitCode, err, res.Stderr)
			}
		}
	}
	t.Logf("runs by exit code: %v", codes)
	if codes[exitFailed] == 0 || codes[exitIncomplete] == 0 || codes[exitIncomplete] > codes[exitFailed] {
		t.Errorf("runs by exit code: %v, want 1 for most, and 5 for some", codes)
	}
}

// TestOuterDeleted deletes the transaction's private folder in another file system before each call of a commit, as somebody
// may who finds it there. What the exit code says is true.
func TestOuterDeleted(t *testing.T) {
	bin, dir := needBinary(t), filepath.Join(workFolder(t), "stand")
	codes := map[int]int{}
	for n := 1; ; n++ {
		w := &spreadWorkloads[0]
		s := w.ready(t, bin, dir)
		found := false
		res := s.apply(t, supervise.Fault{At: n, Stop: func(supervise.Call) {
			for _, o := range outers(s.root()) {
				found = true
				deleteAll(t, o)
			}
		}})
		if res.Hit == nil {
			break
		}
		if !found {
			continue
		}
		codes[res.ExitCode]++
		may, ok := map[int]verdict{exitOK: renewed, exitCleanup: renewed, exitFailed: old, exitConflict: old}[res.ExitCode]
		if _, err := s.checkTree(may); res.ExitCode != exitIncomplete && (err != nil || !ok) {
			t.Errorf("%v: exit code %d: %v\n%s", res.Hit, res.ExitCode, err, res.Stderr)
		}
		if res.ExitCode == exitIncomplete {
			continue
		}
		s.run(t, supervise.Fault{}, supervise.Options{}, "recover")
		if err := s.checkRest(t, map[bool]verdict{true: old, false: renewed}[may == old]); err != nil {
			t.Errorf("%v: exit code %d, then: %v", res.Hit, res.ExitCode, err)
		}
	}
	t.Logf("runs by exit code: %v", codes)
	if codes[exitFailed] == 0 || codes[exitIncomplete] == 0 {
		t.Errorf("runs by exit code: %v, want 1 for some, and 5 for some", codes)
	}
}

// deleteAll deletes a folder in which the other threads of the process, which go on, may make names meanwhile.
func deleteAll(t *testing.T, path string) {
	t.Helper()
	err := os.RemoveAll(path)
	for tries := 0; errors.Is(err, syscall.ENOTEMPTY) && tries < 1000; tries++ {
		err = os.RemoveAll(path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
