package model

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/crashtest/memfs"
)

// The base of the histories below: a root (1) with the folders d (2) and e (3), and the file d/f (4) with the text old.
func smallBase() *memfs.Image {
	return &memfs.Image{Root: 1, Nodes: map[uint64]*memfs.Inode{
		1: {Mode: syscall.S_IFDIR, Kids: map[string]uint64{"d": 2, "e": 3}},
		2: {Mode: syscall.S_IFDIR, Kids: map[string]uint64{"f": 4}},
		3: {Mode: syscall.S_IFDIR},
		4: {Mode: syscall.S_IFREG, Data: []byte("old")},
	}}
}

func newFile(mode uint32) *memfs.Inode { return &memfs.Inode{Mode: mode} }

// TestLegalStates checks, for histories so small that all their power cuts can be written down, that the enumerator
// finds these and no others. The cut comes at the very end.
func TestLegalStates(t *testing.T) {
	write := memfs.Event{Kind: memfs.Write, Ino: 4, Data: []byte("new!")}
	rename := memfs.Event{Kind: memfs.Rename, Ino: 4, Dir: 2, Name: "f", Dir2: 3, Name2: "g"}
	sync := func(ino uint64, since int) memfs.Event { return memfs.Event{Kind: memfs.Sync, Ino: ino, Since: since} }
	for _, c := range []struct {
		name   string
		events []memfs.Event
		want   []string
	}{
		{"write", []memfs.Event{write}, []string{"d/f=new!", "d/f=old", "d/f=old\x00"}},
		{"write, synced", []memfs.Event{write, sync(4, 1)}, []string{"d/f=new!"}},
		{"write, synced too early", []memfs.Event{write, sync(4, 0)}, []string{"d/f=new!", "d/f=old", "d/f=old\x00"}},
		{"write, folder synced", []memfs.Event{write, sync(2, 1)}, []string{"d/f=new!", "d/f=old", "d/f=old\x00"}},
		{"rename", []memfs.Event{rename}, []string{"d/f=old", "d/f=old e/g=old", "e/g=old"}},
		{"rename, new folder synced", []memfs.Event{rename, sync(3, 1)}, []string{"d/f=old e/g=old", "e/g=old"}},
		{"rename, old folder synced", []memfs.Event{rename, sync(2, 1)}, []string{"e/g=old"}},
		{
			"rename within a folder is whole",
			[]memfs.Event{{Kind: memfs.Rename, Ino: 4, Dir: 2, Name: "f", Dir2: 2, Name2: "g"}},
			[]string{"d/f=old", "d/g=old"},
		},
		{
			"exchange is whole",
			[]memfs.Event{
				{Kind: memfs.Create, Ino: 5, Dir: 3, Name: "g", New: newFile(syscall.S_IFREG)},
				sync(3, 1),
				{Kind: memfs.Exchange, Ino: 4, Dir: 2, Name: "f", Dir2: 3, Name2: "g", Ino2: 5},
			},
			[]string{"d/f= e/g=old", "d/f=old e/g="},
		},
		{
			"a folder is never at two names",
			[]memfs.Event{{Kind: memfs.Rename, Ino: 3, Dir: 1, Name: "e", Dir2: 2, Name2: "e"}},
			[]string{"d/e/ d/f=old", "d/f=old"},
		},
		{
			"what survives of a name brings its past along",
			[]memfs.Event{
				rename, {Kind: memfs.Create, Ino: 5, Dir: 2, Name: "f", New: newFile(syscall.S_IFREG)}, sync(2, 2),
			},
			[]string{"d/f= e/g=old"},
		},
	} {
		r := NewRecording(smallBase(), c.events)
		got := map[string]bool{}
		for _, crash := range r.enumerate(len(c.events), 20, rand.New(rand.NewPCG(1, 1))) {
			got[inWords(r.State(crash))] = true
		}
		slices.Sort(c.want)
		if is := slices.Sorted(maps.Keys(got)); !slices.Equal(is, c.want) {
			t.Errorf("%s: states %q, want %q", c.name, is, c.want)
		}
	}
}

// inWords lists files with their content, and the folder e if it is not where it was.
func inWords(m *memfs.Image) string {
	var out []string
	m.Walk(m.Root, func(p string, ino uint64, n *memfs.Inode) {
		switch {
		case !n.IsFolder():
			out = append(out, fmt.Sprintf("%s=%s", p, n.Data))
		case ino == 3 && p != "e":
			out = append(out, p+"/")
		}
	})
	slices.Sort(out)
	return strings.Join(out, " ")
}
