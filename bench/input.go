//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// input is what a round wants to be in place: the same content for all systems.
type input struct {
	dir      string   // the folder that holds the new content
	at       string   // where it is to come, relative to a system's folder: "." or a folder that is a whole tree
	files    []string // relative to dir; in a tree those that a round may change
	data     [][]byte // the content of files, where it is small enough to be held in memory
	manifest string   // with one op a file; none for a tree
	large    bool     // a file is too large for a system that is small
	// lanes are many commits that are measured as one: those of a lane one after the other, the lanes at the same time.
	// An input that has them has nothing else.
	lanes [][]*input
}

// tree says that what is to come is a folder, of whose content only dir knows.
func (in *input) tree() bool { return in.manifest == "" && in.lanes == nil }

const (
	maxFolders = 50
	blockSize  = 4 << 10
)

// newInput names n files over at most 50 folders, and writes their manifest.
func newInput(dir string, n int) (*input, error) { return newInputAt(dir, ".", n) }

// newInputAt is newInput for files that come below at.
func newInputAt(dir, at string, n int) (*input, error) {
	in := &input{dir: filepath.Join(dir, "new"), at: at, manifest: filepath.Join(dir, "manifest.json")}
	folders := min(n, maxFolders)
	for i := range folders {
		if err := os.MkdirAll(filepath.Join(in.dir, folder(i)), 0o777); err != nil {
			return nil, err
		}
	}
	type op struct {
		Op     string `json:"op"`
		Path   string `json:"path"`
		Source string `json:"source"`
	}
	var ops []op
	for i := range n {
		name := filepath.Join(folder(i%folders), fmt.Sprintf("f%05d", i))
		in.files = append(in.files, name)
		ops = append(ops, op{"write", filepath.Join(at, name), filepath.Join("new", name)})
	}
	text, err := json.Marshal(map[string]any{"version": 1, "ops": ops})
	if err != nil {
		return nil, err
	}
	return in, os.WriteFile(in.manifest, text, 0o666)
}

func folder(i int) string { return fmt.Sprintf("d%02d", i) }

// fill gives every file content of size bytes that no other round and no other file has. It is kept in memory too.
func (in *input) fill(round, size int) error {
	in.data = make([][]byte, len(in.files))
	for i, name := range in.files {
		in.data[i] = content(round, i, size)
		if err := os.WriteFile(filepath.Join(in.dir, name), in.data[i], 0o666); err != nil {
			return err
		}
	}
	return nil
}

// fillLarge gives the first file content of size bytes that no other round has. It is not kept in memory.
func (in *input) fillLarge(round int, size int64) (err error) {
	f, err := os.Create(filepath.Join(in.dir, in.files[0]))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const chunk = 1 << 20
	for n := range size / chunk {
		if _, err := f.Write(content(round, int(n), chunk)); err != nil {
			return err
		}
	}
	return nil
}

// content returns bytes that depend on round and i, and do not compress.
func content(round, i, size int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(round))
	binary.LittleEndian.PutUint64(seed[8:], uint64(i))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // it does not fail
	return b
}

// opener opens a file of a system by its path relative to the system's folder.
type opener func(name string) (io.ReadCloser, error)

func below(root string) opener {
	return func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(root, name)) }
}

// verify makes sure that a system has all that the input wants.
func (in *input) verify(ctx context.Context, open opener) error {
	if in.lanes != nil {
		return in.verifyLanes(ctx, open)
	}
	return in.each(ctx, func(name string, _ int) error {
		return sameFile(filepath.Join(in.dir, name), filepath.Join(in.at, name), open)
	})
}

// sameFile compares two files piece by piece: one can be a GiB.
func sameFile(want, got string, open opener) error {
	w, err := os.Open(want)
	if err != nil {
		return err
	}
	defer w.Close()
	g, err := open(got)
	if err != nil {
		return err
	}
	defer g.Close()
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(w, x)
		m, err2 := io.ReadFull(g, y)
		switch {
		case !bytes.Equal(x[:n], y[:m]):
			return fmt.Errorf("%s does not hold what is in %s", got, want)
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil || err2 != nil:
			return errors.Join(err, err2)
		}
	}
}
