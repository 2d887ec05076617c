package model_test

import (
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/txcommit/txcommit/crashtest/bin"
	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/model"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/sandbox"
)

// savedGroup is a groupState in a file.
type savedGroup struct {
	Image      memfs.Image
	Acked      [writers]int
	How        string
	NoExchange bool
}

// save writes a state into a file of the folder dir, and returns its path.
func (h *groupHunt) save(s *groupState, dir string) (path string, err error) {
	f, err := os.CreateTemp(dir, "group-*.gob.gz")
	if err != nil {
		return "", err
	}
	z := gzip.NewWriter(f)
	err = gob.NewEncoder(z).Encode(&savedGroup{*s.image, s.acked, s.how, h.noExchange})
	return f.Name(), errors.Join(err, z.Close(), f.Close())
}

// again saves a violation, and says how to see it again.
func (h *groupHunt) again(s *groupState) string {
	if !h.keep {
		return "not saved"
	}
	dir, err := sandbox.Keep()
	if err != nil {
		return "not saved"
	}
	path, err := h.save(s, dir)
	if err != nil {
		return "not saved"
	}
	return fmt.Sprintf("%sTXCOMMIT_GROUP_STATE=%s go -C crashtest test ./model -run 'TestGroupReplay$' -count=1 -v", bin.Env(), path)
}

// replayGroup judges the state in a file.
func replayGroup(t *testing.T, path string) error {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var in savedGroup
	if err := gob.NewDecoder(z).Decode(&in); err != nil {
		t.Fatal(err)
	}
	for ino := range in.Image.Nodes {
		memfs.Reserve(ino)
	}
	t.Logf("acknowledged were %v\n%s", in.Acked, in.How)
	h := &groupHunt{groupRun: &groupRun{noExchange: in.NoExchange}, exe: bin.Need(t), states: 1, seen: map[uint64]bool{}}
	w := &groupWorker{groupHunt: h, run: oracle.Process(h.exe), dir: sandbox.TempDir(t, "group-"), rng: rand.New(rand.NewPCG(1, 1))}
	err = w.visit(&groupState{image: &in.Image, acked: in.Acked, how: in.How}, 0)
	if err := errors.Join(err, w.close()); err != nil {
		t.Fatal(err)
	}
	return errors.Join(h.bad...)
}

// TestGroupReplay judges the saved state of TXCOMMIT_GROUP_STATE. Without one it saves what a run has left at its end, and
// the same with a wrong account of what was acknowledged: one must be judged well, and the other not.
func TestGroupReplay(t *testing.T) {
	needFUSE(t)
	if path := os.Getenv("TXCOMMIT_GROUP_STATE"); path != "" {
		if err := replayGroup(t, path); err != nil {
			t.Error(err)
		}
		return
	}
	driver, err := bin.BuildLab("", writersFolder)
	if err != nil {
		t.Fatal(err)
	}
	dir := sandbox.TempDir(t, "group-")
	r, err := recordGroup(driver, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	h := &groupHunt{groupRun: r}
	for _, c := range []struct {
		acked int
		bad   bool
	}{{versions, false}, {versions - 2, true}} {
		s := &groupState{image: r.State(&model.Crash{Point: len(r.Events)}), acked: r.acked[len(r.Events)]}
		s.acked[0] = c.acked
		path, err := h.save(s, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := replayGroup(t, path); (err != nil) != c.bad {
			t.Errorf("%s: %v, want a violation: %v", filepath.Base(path), err, c.bad)
		}
	}
}
