//go:build unix

package txn_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// TestProgress commits a tree of files, one of them equal already and one of several pieces, and checks what is told: the
// phases in their order, counts that grow up to what was announced, and never two calls at once.
func TestProgress(t *testing.T) {
	dir := t.TempDir()
	big := strings.Repeat("x", 70<<20)
	plant(t, dir, "root/d/same=same", "src/same=same", "src/a=one", "src/sub/b=two", "src/big="+big)
	var told []txn.Progress
	var running atomic.Int32
	st := open(t, filepath.Join(dir, "root"), &txn.Options{Durability: txn.Process, Progress: func(p txn.Progress) {
		if running.Add(1) != 1 {
			t.Error("two calls at once")
		}
		told = append(told, p)
		running.Add(-1)
	}})
	must(t, st.Update(t.Context(), func(tx *txn.Tx) error {
		return tx.SyncTree("d", filepath.Join(dir, "src"), txn.TreeOptions{})
	}))
	var phases []string
	ends := map[string]txn.Progress{}
	for _, p := range told {
		if before, ok := ends[p.Phase]; ok && len(phases) > 0 && phases[len(phases)-1] == p.Phase && p.OfFiles == before.OfFiles &&
			(p.Files < before.Files || p.Bytes < before.Bytes) {
			t.Errorf("from %+v to %+v", before, p)
		}
		if !slices.Contains(phases, p.Phase) {
			phases = append(phases, p.Phase)
		}
		if p.OfFiles > 0 && (p.Files > p.OfFiles || p.Bytes > p.OfBytes) {
			t.Errorf("more than announced: %+v", p)
		}
		ends[p.Phase] = p
	}
	if got, want := fmt.Sprint(phases), "[plan stage sync commit]"; got != want {
		t.Errorf("phases %s, want %s", got, want)
	}
	size := int64(len(big) + len("one") + len("two"))
	if got, want := ends[txn.PhaseStage], (txn.Progress{Phase: txn.PhaseStage, Files: 3, OfFiles: 3, Bytes: size, OfBytes: size}); got != want {
		t.Errorf("staged: %+v, want %+v", got, want)
	}
}
