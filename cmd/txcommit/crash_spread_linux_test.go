package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// spreadWorkloads have ops of every kind on two file systems at once: m and n are mounted below the root.
var spreadWorkloads = []workload{
	{
		name:      "two file systems",
		mounted:   []string{"m"},
		forgotten: true,
		base:      spread,
		start:     spread.with("h", "file 0644 zero"),
		earlier:   []string{`{"op": "write", "path": "h", "content": "zero"}`},
		source:    layout{"t/same": "file 0600 same", "t/made": "file 0600 made", "t/sub/in": "file 0600 in"},
		ops: fmt.Sprintf(`{"op": "write", "path": "h", "content": "new"},
			{"op": "write", "path": "m/a", "content": "new", "expect": {"sha256": %q}},
			{"op": "write", "path": "m/fresh/deep/f", "content": "f", "mode": "0640"},
			{"op": "remove", "path": "m/gone"},
			{"op": "remove", "path": "m/full", "recursive": true},
			{"op": "symlink", "path": "m/l", "target": "b"},
			{"op": "rename", "from": "m/from", "to": "m/to"},
			{"op": "rename", "from": "m/dir", "to": "m/moved"},
			{"op": "chmod", "path": "m/run", "mode": "0755"},
			{"op": "tree", "path": "m/t", "source": "src/t", "prune": true}`, sha256Of("old")),
		want: layout{
			"h":              "file 0644 new",
			"quiet":          "file 0600 stays",
			"m/quiet":        "file 0600 stays",
			"m/a":            "file 0640 new",
			"m/fresh/deep/f": "file 0640 f",
			"m/l":            "link b",
			"m/to":           "file 0600 from",
			"m/moved/f":      "file 0600 f",
			"m/run":          "file 0755 run",
			"m/t/same":       "file 0600 same",
			"m/t/made":       "file 0600 made",
			"m/t/sub/in":     "file 0600 in",
		},
	},
	{
		// The first commit of a store, and nothing of it is where the stage folder is.
		name:      "only elsewhere",
		mounted:   []string{"m", "n"},
		forgotten: true,
		flags:     []string{"--durability", "process"},
		level:     txn.Process,
		start:     layout{"m/a": "file 0600 old", "n/run": "file 0644 run", "quiet": "file 0600 stays"},
		ops: `{"op": "write", "path": "m/a", "content": "new"},
			{"op": "chmod", "path": "n/run", "mode": "0755"}`,
		want: layout{"m/a": "file 0600 new", "n/run": "file 0755 run", "quiet": "file 0600 stays"},
	},
	{
		name:       "two file systems, no exchange",
		mounted:    []string{"m"},
		forgotten:  true,
		noExchange: true,
		base:       layout{"h": "file 0600 older", "m/a": "file 0640 old", "m/gone": "file 0600 gone"},
		start:      layout{"h": "file 0600 old", "m/a": "file 0640 old", "m/gone": "file 0600 gone"},
		earlier:    []string{`{"op": "write", "path": "h", "content": "old"}`},
		ops: `{"op": "write", "path": "h", "content": "new"},
			{"op": "write", "path": "m/a", "content": "new"},
			{"op": "remove", "path": "m/gone"}`,
		want: layout{"h": "file 0600 new", "m/a": "file 0640 new"},
	},
}

var spread = layout{
	"h":        "file 0644 older",
	"quiet":    "file 0600 stays",
	"m/quiet":  "file 0600 stays",
	"m/a":      "file 0640 old",
	"m/gone":   "file 0600 gone",
	"m/full/f": "file 0600 full",
	"m/l":      "link a",
	"m/from":   "file 0600 from",
	"m/dir/f":  "file 0600 f",
	"m/run":    "file 0644 run",
	"m/t/same": "file 0600 same",
	"m/t/old":  "file 0600 old",
}

// sampled says that a few calls of the workload do: in short tests; and of those that take a mount, and many minutes, unless
// everything is required.
func (w *workload) sampled() bool {
	return testing.Short() || len(w.mounted) > 0 && os.Getenv("TXCOMMIT_REQUIRE") != "all"
}
