//go:build unix

package txn_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn/manifest"
)

// TestHardLinks commits ops on two names of one file, a and b, of mode 0644. Each path ends as its op says, or all is
// refused; z is a third name, which no op speaks of.
func TestHardLinks(t *testing.T) {
	const refused = "give different modes to one file: the paths are hard links of it"
	for _, tt := range []struct {
		name string
		ops  []manifest.Op
		want []string // of the tree
		says string
	}{
		{"two modes", ops(chmod("a", 0o600), chmod("b", 0o755)), nil, "b: op 0 (chmod a) and op 1 (chmod b) " + refused},
		{"one of them the present one", ops(chmod("a", 0o644), chmod("b", 0o755)), nil, "b: op 0 (chmod a) and op 1 (chmod b) " + refused},
		{"the same mode", ops(chmod("a", 0o600), chmod("b", 0o600)), []string{`a 0600 "old"`, `b 0600 "old"`, `z 0600 "old"`}, ""},
		{"mode and content", ops(chmod("a", 0o600), w("b", "new")), []string{`a 0600 "old"`, `b 0644 "new"`, `z 0600 "old"`}, ""},
		{"mode and same content with the present mode", ops(chmod("a", 0o600), moded(w("b", "old"), 0o644)), []string{`a 0600 "old"`, `b 0644 "old"`, `z 0600 "old"`}, ""},
		{"mode and same content with another mode", ops(moded(w("a", "old"), 0o755), chmod("b", 0o600)), []string{`a 0755 "old"`, `b 0600 "old"`, `z 0600 "old"`}, ""},
		{"same content with two modes", ops(moded(w("a", "old"), 0o755), moded(w("b", "old"), 0o600)), []string{`a 0755 "old"`, `b 0600 "old"`, `z 0644 "old"`}, ""},
		{"same content, one mode the present one", ops(moded(w("a", "old"), 0o755), moded(w("b", "old"), 0o644)), []string{`a 0755 "old"`, `b 0644 "old"`, `z 0644 "old"`}, ""},
		{"same content with one mode", ops(moded(w("a", "old"), 0o755), moded(w("b", "old"), 0o755)), []string{`a 0755 "old"`, `b 0755 "old"`, `z 0755 "old"`}, ""},
		{"mode and remove", ops(chmod("a", 0o600), rm("b")), []string{`a 0600 "old"`, `z 0600 "old"`}, ""},
		{"mode and rename", ops(chmod("a", 0o600), mv("b", "c")), []string{`a 0600 "old"`, `c 0600 "old"`, `z 0600 "old"`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := memoryDir(t)
			plant(t, root, "a=old")
			must(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")))
			must(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "z")))
			st := open(t, root, nil)
			before := wholeTree(t, root)
			_, err := commitOps(st, tt.ops)
			if tt.says != "" {
				if !strings.Contains(fmt.Sprint(err), tt.says) {
					t.Errorf("%s: got error %v, want one that says %q", describeOps(tt.ops), err, tt.says)
				}
				compareTrees(t, before, wholeTree(t, root))
				return
			}
			must(t, err)
			if got := readTree(t, root, map[uint64]*modelNode{}).lines("", nil); !slices.Equal(sorted(got), tt.want) {
				t.Errorf("%s: got tree %q, want %q", describeOps(tt.ops), got, tt.want)
			}
		})
	}
}

// TestHardLinkedTargets replaces files that have other names: those keep the old content, and the plan and the result say
// so. A file all of whose names are replaced or removed is not worth a word.
func TestHardLinkedTargets(t *testing.T) {
	for _, tt := range []struct {
		ops  []manifest.Op
		want []string
	}{
		{ops(w("a", "new")), []string{"a"}},
		{ops(w("a", "new"), w("b", "new too")), nil},
		{ops(w("a", "new"), rm("b")), nil},
		{ops(rm("a")), nil},
		{ops(chmod("a", 0o600)), nil},
		{ops(w("a", "old")), nil},
		{ops(mv("c", "d"), w("a", "new")), []string{"a"}},
		{ops(with(mv("c", "a"), func(o *manifest.Op) { o.Replace = true })), []string{"a"}},
		{ops(manifest.Op{Kind: manifest.Symlink, Path: "a", Target: "c"}), []string{"a"}},
	} {
		root := memoryDir(t)
		plant(t, root, "a=old", "c=other")
		must(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "b")))
		st := open(t, root, nil)
		plan, err := planOf(st, tt.ops)
		must(t, err)
		for _, c := range plan.Changes {
			if c.Path == "a" && c.Before.Links != 2 {
				t.Errorf("%s: the plan says %d names, want 2", describeOps(tt.ops), c.Before.Links)
			}
		}
		res, err := commitOps(st, tt.ops)
		must(t, err)
		if !slices.Equal(res.HardLinked, tt.want) {
			t.Errorf("%s: got %q, want %q", describeOps(tt.ops), res.HardLinked, tt.want)
		}
		if len(tt.want) > 0 && contents(t, root)["b"] != "old" {
			t.Errorf("%s: the other name has %q", describeOps(tt.ops), contents(t, root)["b"])
		}
	}
}
