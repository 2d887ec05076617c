package model

import (
	"compress/gzip"
	"encoding/gob"
	"errors"
	"os"
	"path/filepath"

	"github.com/txcommit/txcommit/crashtest/memfs"
	"github.com/txcommit/txcommit/crashtest/oracle"
	"github.com/txcommit/txcommit/crashtest/workload"
)

// State is what a power cut has left, with all that is needed to judge what becomes of it.
type State struct {
	Case  *oracle.Case
	Image *memfs.Image
	Acked int
	How   string // in words
	// Stranger is not nil if a foreign program has changed something after the power cut.
	Stranger *Stranger
	// NoExchange says that names cannot be exchanged, Again that a recovery came before the power cut.
	NoExchange, Again bool
}

// saved is a State in a file. It holds the workload itself: the generator may make another one of the seed some day.
type saved struct {
	Workload workload.Workload
	Start    oracle.Seen
	Image    memfs.Image
	Acked    int
	How      string
	Stranger *Stranger

	NoExchange, Again bool
}

// The conditions of ops are of these types.
func init() {
	gob.Register("")
	gob.Register(map[string]string{})
}

// Save writes a state into a file of the folder dir, and returns its path.
func (s *State) Save(dir string, start *oracle.Seen) (path string, err error) {
	f, err := os.CreateTemp(dir, "state-*.gob.gz")
	if err != nil {
		return "", err
	}
	z := gzip.NewWriter(f)
	err = gob.NewEncoder(z).Encode(&saved{*s.Case.W, *start, *s.Image, s.Acked, s.How, s.Stranger, s.NoExchange, s.Again})
	return f.Name(), errors.Join(err, z.Close(), f.Close())
}

// Load reads a state that Save has written.
func Load(path string) (*State, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var in saved
	if err := gob.NewDecoder(z).Decode(&in); err != nil {
		return nil, err
	}
	c, err := oracle.NewCase(&in.Workload, &in.Start)
	if err != nil {
		return nil, err
	}
	for ino := range in.Image.Nodes {
		memfs.Reserve(ino)
	}
	return &State{Case: c, Image: &in.Image, Acked: in.Acked, How: in.How, Stranger: in.Stranger, NoExchange: in.NoExchange, Again: in.Again}, nil
}

// Replay judges one state.
func (x *Explorer) Replay(s *State) error {
	if err := x.mounts(); err != nil {
		return err
	}
	_, err := x.judge(s, x.first, false)
	return err
}
