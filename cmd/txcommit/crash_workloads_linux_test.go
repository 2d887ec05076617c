package main

import (
	"fmt"

	"github.com/txcommit/txcommit/txn"
)

// workloads hold, together, every kind of op and every kind of step, in new stores and in ones with a history.
var workloads = append([]workload{
	{
		name: "first commit",
		start: layout{
			"a":     "file 0640 old",
			"quiet": "file 0600 stays",
		},
		ops: `{"op": "write", "path": "a", "content": "new"},
			{"op": "write", "path": "made/b", "base64": "Yg==", "mode": "0755"}`,
		want: layout{
			"a":      "file 0640 new",
			"made/b": "file 0755 b",
			"quiet":  "file 0600 stays",
		},
	},
	{
		// The record of the transaction before, which only writes, is still in the journal.
		name:    "write and remove",
		base:    removals.with("a", "file 0644 zero"),
		start:   removals.with("a", "file 0644 once").with("before", "file 0644 b"),
		earlier: []string{`{"op": "write", "path": "a", "content": "once"}, {"op": "write", "path": "before", "content": "b"}`},
		source:  layout{"tool": "file 0755 tool"},
		ops: fmt.Sprintf(`{"op": "write", "path": "a", "content": "twice", "expect": {"sha256": %q}},
			{"op": "write", "path": "bin/tool", "source": "src/tool", "expect": "absent"},
			{"op": "remove", "path": "gone", "expect": "present"},
			{"op": "remove", "path": "twin/two"},
			{"op": "remove", "path": "full", "recursive": true},
			{"op": "remove", "path": "empty"},
			{"op": "symlink", "path": "current", "target": "releases/2"},
			{"op": "symlink", "path": "fresh", "target": "quiet"}`, sha256Of("once")),
		want: layout{
			"a":        "file 0644 twice",
			"before":   "file 0644 b",
			"bin/tool": "file 0644 tool",
			"twin/one": "file 0600 twin",
			"current":  "link releases/2",
			"fresh":    "link quiet",
			"quiet":    "file 0600 stays",
		},
	},
	{
		name:    "rename",
		base:    renames.without("a"),
		start:   renames,
		earlier: []string{`{"op": "write", "path": "a", "content": "A"}`},
		level:   txn.Process, // so it has to be made durable before its record goes
		ops: fmt.Sprintf(`{"op": "rename", "from": "a", "to": "new/a"},
			{"op": "rename", "from": "over", "to": "target", "replace": true, "expect": {"sha256": %q}},
			{"op": "rename", "from": "s1", "to": "s2"}, {"op": "rename", "from": "s2", "to": "s1"},
			{"op": "rename", "from": "log", "to": "log.1"}, {"op": "rename", "from": "log.1", "to": "log.2"},
			{"op": "write", "path": "log", "content": ""},
			{"op": "rename", "from": "dir", "to": "moved"}`, sha256Of("over")),
		want: layout{
			"new/a":     "file 0644 A",
			"target":    "file 0600 over",
			"s1":        "file 0600 two",
			"s2":        "file 0640 one",
			"log":       "file 0644 ",
			"log.1":     "file 0600 day 1",
			"log.2":     "file 0600 day 2",
			"moved/f":   "file 0600 in it",
			"moved/sub": "dir 0700",
		},
	},
	{
		// What an earlier transaction has done to files, links, folders, names and modes comes back.
		name: "undo",
		base: layout{
			"f": "file 0640 old", "gone": "file 0600 gone", "current": "link releases/1", "run": "file 0644 sh",
			"dir/f": "file 0600 in it", "full/f": "file 0600 f", "full/g/h": "file 0600 h", "from": "file 0600 from",
			"kind": "file 0600 kind", "quiet": "file 0600 stays",
		},
		start: layout{
			"f": "file 0640 new", "current": "link releases/2", "run": "file 0755 sh", "moved/f": "file 0600 in it",
			"made/deep/f": "file 0644 made", "to": "file 0600 from", "kind/f": "file 0644 f", "quiet": "file 0600 stays",
		},
		earlier: []string{`{"op": "write", "path": "f", "content": "new"}, {"op": "remove", "path": "gone"},
			{"op": "symlink", "path": "current", "target": "releases/2"}, {"op": "chmod", "path": "run", "mode": "0755"},
			{"op": "rename", "from": "dir", "to": "moved"}, {"op": "remove", "path": "full", "recursive": true},
			{"op": "rename", "from": "from", "to": "to"}, {"op": "write", "path": "made/deep/f", "content": "made"},
			{"op": "tree", "path": "kind", "source": "src/kind", "prune": true}`},
		source:  layout{"kind": "dir 0755", "kind/f": "file 0644 f"},
		history: 1,
		command: []string{"undo"},
		want: layout{
			"f": "file 0640 old", "gone": "file 0600 gone", "current": "link releases/1", "run": "file 0644 sh",
			"dir/f": "file 0600 in it", "full/f": "file 0600 f", "full/g/h": "file 0600 h", "from": "file 0600 from",
			"kind": "file 0600 kind", "quiet": "file 0600 stays",
		},
	},
	{
		name: "modes",
		start: layout{
			"run":    "file 0644 sh",
			"shut":   "dir 0755",
			"shut/f": "file 0600 f",
			"there":  "dir 0755",
			"stays":  "file 0600 stays",
		},
		base: layout{
			"run":    "file 0600 sh",
			"shut/f": "file 0600 f",
			"stays":  "file 0600 stays",
		},
		earlier: []string{`{"op": "chmod", "path": "run", "mode": "0644"}, {"op": "mkdir", "path": "there"}`},
		ops: `{"op": "chmod", "path": "run", "mode": "4755", "expect": "present"},
			{"op": "chmod", "path": "shut", "mode": "0500"},
			{"op": "mkdir", "path": "there", "mode": "0711"},
			{"op": "mkdir", "path": "deep/down", "mode": "1777"}`,
		want: layout{
			"run":       "file 4755 sh",
			"shut":      "dir 0500",
			"shut/f":    "file 0600 f",
			"there":     "dir 0711",
			"deep/down": "dir 1777",
			"stays":     "file 0600 stays",
		},
	},
	{
		name:   "tree",
		start:  trees,
		source: treeSource,
		ops: `{"op": "tree", "path": "dist", "source": "src/dist", "prune": true, "exclude": ["*.map"]},
			{"op": "tree", "path": "fresh", "source": "src/fresh", "move": true, "times": true}`,
		left: treeSource.without("fresh", "fresh/f", "fresh/sub/g", "fresh/l"),
		want: layout{
			"dist":          "dir 0700",
			"dist/same":     "file 0600 same",
			"dist/raw\xff":  "file 0600 any bytes",
			"dist/changed":  "file 0640 2",
			"dist/mode":     "file 0755 mode",
			"dist/file":     "dir 0755",
			"dist/file/in":  "file 0600 was a file",
			"dist/folder":   "file 0600 was a folder",
			"dist/kept.map": "file 0600 map",
			"fresh/f":       "file 0600 f",
			"fresh/sub/g":   "file 0600 g",
			"fresh/l":       "link f",
		},
	},
	{
		name:  "durability process",
		flags: []string{"--durability", "process"},
		base: layout{
			"a":    "file 0600 older",
			"gone": "file 0600 gone",
		},
		start: layout{
			"a":    "file 0600 old",
			"d":    "dir 0755",
			"gone": "file 0600 gone",
		},
		earlier: []string{`{"op": "mkdir", "path": "d"}, {"op": "write", "path": "a", "content": "old"}`},
		ops: `{"op": "write", "path": "a", "content": "new"},
			{"op": "write", "path": "d/new", "content": "new"},
			{"op": "remove", "path": "gone"}`,
		want: layout{
			"a":     "file 0600 new",
			"d/new": "file 0644 new",
		},
	},
	{
		name:       "no exchange",
		noExchange: true,
		base: layout{
			"a":    "file 0640 older",
			"l":    "link a",
			"from": "file 0600 from",
			"to":   "file 0600 to",
			"gone": "file 0600 gone",
		},
		start: layout{
			"d":    "dir 0755",
			"a":    "file 0640 old",
			"l":    "link a",
			"from": "file 0600 from",
			"to":   "file 0600 to",
			"gone": "file 0600 gone",
		},
		earlier: []string{`{"op": "write", "path": "a", "content": "old"}, {"op": "mkdir", "path": "d"}`},
		ops: fmt.Sprintf(`{"op": "write", "path": "a", "content": "new", "expect": {"sha256": %q}},
			{"op": "symlink", "path": "l", "target": "to"},
			{"op": "rename", "from": "from", "to": "to", "replace": true},
			{"op": "remove", "path": "gone"},
			{"op": "write", "path": "d/new", "content": "new"}`, sha256Of("old")),
		want: layout{
			"a":     "file 0640 new",
			"l":     "link to",
			"to":    "file 0600 from",
			"d/new": "file 0644 new",
		},
	},
}, spreadWorkloads...)

var removals = layout{
	"quiet":    "file 0600 stays",
	"gone":     "file 0600 gone",
	"twin/one": "file 0600 twin",
	"twin/two": "hard twin/one",
	"full/f":   "file 0600 f",
	"full/g/h": "file 0600 h",
	"empty":    "dir 0700",
	"current":  "link releases/1",
}

var renames = layout{
	"a":       "file 0644 A",
	"over":    "file 0600 over",
	"target":  "file 0640 target",
	"s1":      "file 0640 one",
	"s2":      "file 0600 two",
	"log":     "file 0600 day 1",
	"log.1":   "file 0600 day 2",
	"dir/f":   "file 0600 in it",
	"dir/sub": "dir 0700",
}

var trees = layout{
	"dist":             "dir 0755",
	"dist/same":        "file 0600 same",
	"dist/raw\xff":     "file 0600 not UTF-8",
	"dist/changed":     "file 0600 1",
	"dist/mode":        "file 0644 mode",
	"dist/stale":       "file 0600 stale",
	"dist/old/er":      "file 0600 older",
	"dist/file":        "file 0600 a file",
	"dist/folder/deep": "file 0600 deep",
	"dist/kept.map":    "file 0600 map",
}

var treeSource = layout{
	"dist":          "dir 0700",
	"dist/same":     "file 0600 same",
	"dist/raw\xff":  "file 0600 any bytes",
	"dist/changed":  "file 0640 2",
	"dist/mode":     "file 0755 mode",
	"dist/file/in":  "file 0600 was a file",
	"dist/folder":   "file 0600 was a folder",
	"dist/skip.map": "file 0600 no",
	"fresh/f":       "file 0600 f",
	"fresh/sub/g":   "file 0600 g",
	"fresh/l":       "link f",
}
