//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestMemoryOfAMillion applies a JSON Lines manifest of a million small new files in 1,000 new folders, and looks at the
// peak memory of the whole process. It is about memory alone, so the tree is in memory too where that can be.
func TestMemoryOfAMillion(t *testing.T) {
	const ops, most = 1_000_000, 320 << 20
	if testing.Short() && os.Getenv("TXCOMMIT_REQUIRE") != "all" {
		t.Skip("commits a million files")
	}
	dir, err := os.MkdirTemp("/dev/shm", "txcommit-million")
	if err != nil {
		dir, err = os.MkdirTemp("", "txcommit-million")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "million.jsonl")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, `{"version": 1, "stream": true}`)
	for i := range ops {
		fmt.Fprintf(w, `{"op": "write", "path": "d%03d/f%06d", "content": "line %d\n"}`+"\n", i%1000, i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	got, err := peakMemory(t.Context(), built(t), "apply", "-q", "-C", root, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak: %s for %d ops", mib(got), ops)
	if got > most {
		t.Errorf("got %s for %d ops, want at most %s", mib(got), ops, mib(most))
	}
}
