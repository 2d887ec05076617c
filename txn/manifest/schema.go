package manifest

import _ "embed" // the schema is a file, for those who read it

//go:embed schema.json
var schema string

// Schema returns a JSON Schema (2020-12) of manifests, with a description of
// each key, for editors and for those who write manifests by program.
//
// It accepts what [Parse] accepts, and refuses what Parse refuses, but for
// what a schema cannot express and Parse refuses on top: that a text is not
// JSON in all strictness (duplicate keys, invalid UTF-8, a byte order mark,
// more than 1 GiB), limits that are in bytes and not in characters (names,
// whole paths, targets, ids and messages), and globs that are none. Its
// definition "op" is also that of each line of a stream but the first.
func Schema() string { return schema }
