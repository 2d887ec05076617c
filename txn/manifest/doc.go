// Package manifest reads, checks and writes manifests: the JSON that says
// which paths below a root one transaction changes, and how.
//
// It knows nothing of the file system. What Parse accepts is right in form;
// whether it fits the tree (a missing path, two ops that meet behind a link,
// an expect that does not hold) is for the engine, which uses
// [Manifest.ErrorAt] to report such things with the position of the op.
//
// # The grammar, version 1
//
// A manifest is one JSON object in UTF-8, of at most 1 GiB:
//
//	{"version": 1,                what this package reads
//	 "id":      "deploy-42",      optional: 1 to 255 bytes, no control characters
//	 "message": "new front page", optional: at most 64 KiB
//	 "ops":     [op, ...]}        in any order, may be empty
//
// A stream is JSON Lines: an object {"version": 1, "stream": true} that may
// have an id and a message, and then one op a line, to the end of the text.
// It can be written and read piece by piece. Nothing tells that lines are
// missing at its end: who writes it must see to it that it is whole before
// it is applied.
//
// An op is an object; its keys may come in any order:
//
//	op       required              optional
//	write    path, one of          mode, sha256, format, schema, expect, parents
//	         content|base64|source
//	remove   path                  recursive, missing, expect
//	rename   from, to              replace, parents, expect
//	mkdir    path                  mode, parents
//	symlink  path, target          expect, parents
//	chmod    path, mode            expect
//	tree     path, source          prune, exclude, move, times, parents
//
//	path, from, to    a path as [CleanPath] takes it; "." only for tree
//	content           the new content as text
//	base64            the new content after RFC 4648 §4: padded, no line breaks
//	source            a file, for tree a directory; not empty, no NUL
//	target            what the link says: 1 to 4095 bytes, no NUL
//	mode              octal digits, "0755" or "755", up to "7777"
//	sha256            64 hex digits, of the new content
//	format, schema    "json", without a byte order mark (RFC 8259); a JSON Schema file (only along with format)
//	expect            "absent", "present" or {"sha256": 64 hex digits}
//	parents           "make" (default) or "require"
//	missing           "error" (default) or "ok"
//	exclude           array of doublestar globs
//	recursive, replace, prune, move, times
//	                  true or false (default)
//
// Everything else is an error: unknown keys, keys that this op does not have,
// duplicate keys, null, other types, comments, data after the object, a byte
// order mark, invalid UTF-8 and lone surrogate escapes.
//
// # Positions
//
// An [Error] names the line and column at which the offending key or value
// starts, both counted from 1, the column in bytes, and its JSON pointer
// (RFC 6901). A missing key is reported at the object that lacks it.
//
// # Memory
//
// Parse streams: it holds the ops and the longest single value, not the text.
package manifest
