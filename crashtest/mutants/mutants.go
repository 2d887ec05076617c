// Package mutants has seeded bugs: each takes one barrier, one ordering or one rule of docs/design.md out of the
// product. A crash lab that does not find them all is worth nothing.
//
// A seed is a text file in seeds/, so that the product needs no seam for it:
//
//	what is broken, in words that go on until the first keyword
//	layer model           a layer that must find it; one line each
//	mode no-exchange      what it takes to be seen there, if anything: a mode of the gate of that layer
//	seed 14               the workload of the model to begin with, if the first ones do not show it
//	file txn/durable.go   the file of the product that the next edit is in
//	<<<<
//	text that the file must contain exactly once
//	====
//	text that takes its place
//	>>>>
package mutants

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed seeds/*.txt
var seeds embed.FS

// Mutant is a seeded bug.
type Mutant struct {
	Name   string
	Doc    string
	Layers []string
	Mode   string
	Seed   uint64
	edits  []edit
}

type edit struct{ file, old, new string }

// All returns the seeded bugs of a layer, in the order of their names; of all layers if layer is empty.
func All(layer string) ([]*Mutant, error) {
	entries, err := seeds.ReadDir("seeds")
	if err != nil {
		return nil, err
	}
	var out []*Mutant
	for _, e := range entries {
		b, err := seeds.ReadFile("seeds/" + e.Name())
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(e.Name(), ".txt"), string(b))
		if err != nil {
			return nil, fmt.Errorf("seeds/%s: %w", e.Name(), err)
		}
		if layer == "" || slices.Contains(m.Layers, layer) {
			out = append(out, m)
		}
	}
	return out, nil
}

func parse(name, text string) (*Mutant, error) {
	m := &Mutant{Name: name, Seed: 1}
	var file string
	var part *string // what lines go to while inside an edit
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(bare, " ")
		switch {
		case bare == "<<<<":
			m.edits = append(m.edits, edit{file: file})
			part = &m.edits[len(m.edits)-1].old
		case bare == "====" && part != nil:
			part = &m.edits[len(m.edits)-1].new
		case bare == ">>>>":
			part = nil
		case part != nil:
			*part += line
		case word == "layer":
			m.Layers = append(m.Layers, rest)
		case word == "mode":
			m.Mode = rest
		case word == "seed":
			n, err := strconv.ParseUint(rest, 10, 64)
			if err != nil {
				return nil, err
			}
			m.Seed = n
		case word == "file":
			file = rest
		case file == "":
			m.Doc += line
		}
	}
	if part != nil || len(m.edits) == 0 || len(m.Layers) == 0 || file == "" {
		return nil, fmt.Errorf("needs layers, a file and complete edits")
	}
	return m, nil
}

// Overlay writes what go build -overlay needs into the folder dir, for the module in the folder module. A text that is
// not there any more, or not once only, is an error: the seed has to follow the product.
func (m *Mutant) Overlay(module, dir string) (path string, err error) {
	replaced := map[string]string{}
	for _, e := range m.edits {
		at := filepath.Join(module, filepath.FromSlash(e.file))
		from := at
		if to, ok := replaced[at]; ok {
			from = to
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(b), e.old); n != 1 {
			return "", fmt.Errorf("seed %s does not fit any more: %s has this %d times, want once:\n%s", m.Name, e.file, n, e.old)
		}
		to := filepath.Join(dir, m.Name+"-"+strings.ReplaceAll(e.file, "/", "-"))
		if err := os.WriteFile(to, []byte(strings.Replace(string(b), e.old, e.new, 1)), 0o600); err != nil {
			return "", err
		}
		replaced[at] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, m.Name+".json")
	return path, os.WriteFile(path, b, 0o600)
}
