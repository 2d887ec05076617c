package manifest

import "strings"

// in returns a manifest with one op; the op starts at 1:24.
func in(op string) string { return `{"version": 1, "ops": [` + op + `]}` }

// write returns a manifest with one write that has these further keys; they
// start at 1:68.
func write(keys string) string {
	return in(`{"op": "write", "path": "a", "content": "", ` + keys + `}`)
}

var (
	long256  = strings.Repeat("n", 256)
	deepPath = strings.Repeat("0123456/", 512)
)

var textErrors = []struct{ name, text, want string }{
	{"empty", "", `m.json:1:1: text is empty; a manifest is at least {"version": 1, "ops": []}`},
	{"blank", " \n ", `m.json:2:2: text is empty; a manifest is at least {"version": 1, "ops": []}`},
	{"byte order mark", "\ufeff{}", `m.json:1:1: text starts with a byte order mark; save it as UTF-8 without BOM`},
	{"utf-16 little endian", "\xff\xfe{\x00}\x00", `m.json:1:1: text is UTF-16; save it as UTF-8 without BOM`},
	{"utf-16 big endian", "\xfe\xff\x00{\x00}", `m.json:1:1: text is UTF-16; save it as UTF-8 without BOM`},
	{"array", `[]`, `m.json:1:1: expected an object {"version": 1, "ops": [...]}, got an array`},
	{"null", ` null`, `m.json:1:2: expected an object {"version": 1, "ops": [...]}, got null`},
	{"no json", `version: 1`, `m.json:1:1: invalid character 'v' at start of value`},
	{"cut after brace", `{`, `m.json:1:2: text ends too early; complete it`},
	{"cut after value", "{\"version\": 1\n", `m.json:2:1: text ends too early; complete it`},
	{"cut in string", "{\n \"id\": \"ab", `m.json:2:8: /id: text ends too early; complete it (at byte 3 of the string)`},
	{"cut in op", `{"version": 1, "ops": [{"op": "write", `, `m.json:1:40: /ops/0: text ends too early; complete it`},
	{"comma at end", "{\"version\": 1,\n}", `m.json:1:14: unexpected comma; remove it`},
	{"comma at end of ops", "{\"ops\": [\n,]}", `m.json:2:1: /ops: unexpected comma; remove it`},
	{"comment", "{\n// why\n}", `m.json:2:1: unexpected '/'; JSON has no comments`},
	{"single quotes", `{'version': 1}`, `m.json:1:2: invalid character '\'' at start of value`},
	{"key that is no string", `{1: 2}`, `m.json:1:2: object member name must be a string`},
	{"no colon", `{"version" 1}`, `m.json:1:12: /version: invalid character '1' after object name (expecting ':')`},
	{"no value", `{"version":}`, `m.json:1:12: /version: missing value after object name`},
	{"literal", `{"version": nul}`, `m.json:1:13: /version: invalid character '}' in literal null (expecting 'l')`},
	{"trailing brace", "{\"version\": 1, \"ops\": []}\n}", `m.json:2:1: text goes on after the manifest; remove what follows its last brace`},
	{"trailing object", `{"version": 1, "ops": []} {}`, `m.json:1:27: text goes on after the manifest; remove what follows its last brace`},
	{"trailing NUL", "{\"version\": 1, \"ops\": []}\x00", `m.json:1:26: text goes on after the manifest; remove what follows its last brace`},
	{"invalid utf-8", "{\"id\": \"a\xff\"}", `m.json:1:8: /id: invalid UTF-8 (at byte 2 of the string)`},
	{"invalid utf-8 in key", "{\n\"a\xff\": 1}", `m.json:2:1: invalid UTF-8 (at byte 2 of the string)`},
	{"lone surrogate", `{"id": "x\ud800y"}`, `m.json:1:8: /id: lone surrogate escape \ud800; JSON needs a pair (at byte 2 of the string)`},
	{"lone low surrogate", in(`{"path": "\udc00"}`), `m.json:1:33: /ops/0/path: lone surrogate escape \udc00; JSON needs a pair (at byte 1 of the string)`},
	{"unknown escape", `{"id": "\q"}`, `m.json:1:8: /id: unknown escape; JSON has \" \\ \/ \b \f \n \r \t and \uXXXX (at byte 1 of the string)`},
	{"half an escape", `{"id": "\u12"}`, `m.json:1:8: /id: unknown escape; JSON has \" \\ \/ \b \f \n \r \t and \uXXXX (at byte 1 of the string)`},
	{"raw line break", "{\"id\": \"a\nb\"}", `m.json:1:8: /id: control character '\n'; escape it (at byte 2 of the string)`},
	{"duplicate key", "{\"version\": 1,\n  \"version\": 1}", `m.json:2:3: /version: duplicate key "version"; give it once`},
	{"duplicate by escape", `{"id": "a", "\u0069d": "b"}`, `m.json:1:13: /id: duplicate key "id"; give it once`},
	{"column in bytes", `{"id": "äöü", "od": 1}`, `m.json:1:18: /od: unknown key "od"; did you mean "id"?`},
}

var manifestErrors = []struct{ name, text, want string }{
	{"no version", `{"ops": []}`, `m.json:1:1: "version" is missing; add "version": 1`},
	{"no ops", "\n {\"version\": 1}", `m.json:2:2: "ops" is missing; add "ops": [...]`},
	{"version 2", `{"version":2,"what":"ever"}`, `m.json:1:12: /version: version 2 is not known; this version of txcommit reads version 1 only`},
	{"version 2 at the end", "{\"ops\": [{\"op\": \"link\", \"version\": 7}],\n \"x\": [], \"version\": 2}", `m.json:2:22: /version: version 2 is not known; this version of txcommit reads version 1 only`},
	{"version 1 at the end", `{"what": 3, "version": 1}`, `m.json:1:2: /what: unknown key "what"; a manifest has version, id, message, ops, stream`},
	{"version 0", `{"version": 0}`, `m.json:1:13: /version: version 0 is not known; this version of txcommit reads version 1 only`},
	{"version 1.5", `{"version": 1.5}`, `m.json:1:13: /version: version 1.5 is not known; this version of txcommit reads version 1 only`},
	{"version too large", `{"version": 1e999}`, `m.json:1:13: /version: version 1e999 is not known; this version of txcommit reads version 1 only`},
	{"version endless", `{"version": 1` + strings.Repeat("0", 90) + `}`, `m.json:1:13: /version: version 10000000000000000000 is not known; this version of txcommit reads version 1 only`},
	{"version string", `{"version": "1"}`, `m.json:1:13: /version: expected the number 1, got a string`},
	{"version null", `{"version": null}`, `m.json:1:13: /version: expected the number 1, got null`},
	{"mistyped key", `{"Version": 1}`, `m.json:1:2: /Version: unknown key "Version"; did you mean "version"?`},
	{"key with slash", `{"a/b~c": 1}`, `m.json:1:2: /a~1b~0c: unknown key "a/b~c"; a manifest has version, id, message, ops, stream`},
	{"key with control", `{"a\u001b[1m": 1}`, `m.json:1:2: "/a\x1b[1m": unknown key "a\x1b[1m"; a manifest has version, id, message, ops, stream`},
	{"id empty", `{"id": ""}`, `m.json:1:8: /id: id is empty; leave it out or give 1 to 255 bytes`},
	{"id long", `{"id": "` + long256 + `"}`, `m.json:1:8: /id: id has 256 bytes; shorten it to 255`},
	{"id with control", `{"id": "a\tb"}`, `m.json:1:8: /id: id "a\tb" has a control character; remove it`},
	{"id with C1 control", `{"id": "a\u0085b"}`, `m.json:1:8: /id: id "a\u0085b" has a control character; remove it`},
	{"id null", `{"id": null}`, `m.json:1:8: /id: expected a string, got null`},
	{"message long", `{"message": "` + strings.Repeat("m", 64<<10+1) + `"}`, `m.json:1:13: /message: message has 65537 bytes; shorten it to 65536`},
	{"message array", `{"message": []}`, `m.json:1:13: /message: expected a string, got an array`},
	{"ops null", `{"version": 1, "ops": null}`, `m.json:1:23: /ops: expected an array of ops, got null`},
	{"ops object", `{"version": 1, "ops": {}}`, `m.json:1:23: /ops: expected an array of ops, got an object`},
	{"op null", in(`null`), `m.json:1:24: /ops/0: expected an op like {"op": "write", ...}, got null`},
	{"op string", in("{\"op\": \"mkdir\", \"path\": \"a\"},\n\"b\""), `m.json:2:1: /ops/1: expected an op like {"op": "write", ...}, got a string`},
}

var opErrors = []struct{ name, text, want string }{
	{"op missing", in(`{}`), `m.json:1:24: /ops/0: "op" is missing; it is one of write, remove, rename, mkdir, symlink, chmod, tree`},
	{"op number", in(`{"op": 1}`), `m.json:1:31: /ops/0/op: expected the name of an op, got a number`},
	{"op mistyped", in(`{"op": "wirte"}`), `m.json:1:31: /ops/0/op: unknown op "wirte"; did you mean "write"?`},
	{"op unknown", in(`{"op": "download"}`), `m.json:1:31: /ops/0/op: unknown op "download"; it is one of write, remove, rename, mkdir, symlink, chmod, tree`},
	{"key mistyped", in(`{"op": "mkdir", "pahts": "a"}`), `m.json:1:40: /ops/0/pahts: unknown key "pahts"; did you mean "path"?`},
	{"key mistyped before op", in(`{"paht": {"x": [1]}, "op": "mkdir"}`), `m.json:1:25: /ops/0/paht: unknown key "paht"; did you mean "path"?`},
	{"key unknown", in(`{"op": "chmod", "owner": "a"}`), `m.json:1:40: /ops/0/owner: unknown key "owner"; chmod has op, path, mode, expect`},
	{"key unknown without op", in(`{"owner": "a"}`), `m.json:1:25: /ops/0/owner: unknown key "owner"; an op has op, path, from, to, content, base64, source, target, mode, sha256, format, schema, recursive, missing, replace, prune, exclude, move, times, expect, parents`},
	{"first of two unknown keys", in("{\"bar\": 1,\n\"foo\": 1, \"op\": \"remove\"}"), `m.json:1:25: /ops/0/bar: unknown key "bar"; remove has op, path, recursive, missing, expect`},
	{"key of another op", in(`{"op": "remove", "path": "a", "content": ""}`), `m.json:1:54: /ops/0/content: remove has no key "content"; remove has op, path, recursive, missing, expect`},
	{"key of another op, op last", in("{\"path\": \"a\",\n\"parents\": \"make\", \"mode\": \"0\", \"op\": \"remove\"}"), `m.json:2:1: /ops/0/parents: remove has no key "parents"; remove has op, path, recursive, missing, expect`},
	{"path of rename", in(`{"op": "rename", "path": "a"}`), `m.json:1:41: /ops/0/path: rename has no key "path"; rename has op, from, to, replace, expect, parents`},
	{"duplicate key", in(`{"op": "mkdir", "path": "a", "path": "b"}`), `m.json:1:53: /ops/0/path: duplicate key "path"; give it once`},
	{"second line", "{\"version\": 1, \"ops\": [\n  {\"op\": \"mkdir\", \"path\": \"a\"},\r\n\t{\"op\": \"mkdir\", \"path\":\n 3}]}", `m.json:4:2: /ops/1/path: expected a path, got a number`},

	{"write without path", in(`{"op": "write"}`), `m.json:1:24: /ops/0: write needs the key "path"; add it`},
	{"remove without path", in(`{"op": "remove"}`), `m.json:1:24: /ops/0: remove needs the key "path"; add it`},
	{"rename without from", in(`{"op": "rename", "to": "a"}`), `m.json:1:24: /ops/0: rename needs the key "from"; add it`},
	{"rename without to", in(`{"op": "rename", "from": "a"}`), `m.json:1:24: /ops/0: rename needs the key "to"; add it`},
	{"mkdir without path", in(`{"op": "mkdir"}`), `m.json:1:24: /ops/0: mkdir needs the key "path"; add it`},
	{"symlink without path", in(`{"op": "symlink", "target": "b"}`), `m.json:1:24: /ops/0: symlink needs the key "path"; add it`},
	{"symlink without target", in(`{"op": "symlink", "path": "a"}`), `m.json:1:24: /ops/0: symlink needs the key "target"; add it`},
	{"chmod without path", in(`{"op": "chmod", "mode": "0755"}`), `m.json:1:24: /ops/0: chmod needs the key "path"; add it`},
	{"chmod without mode", in(`{"op": "chmod", "path": "a"}`), `m.json:1:24: /ops/0: chmod needs the key "mode"; add it`},
	{"tree without path", in(`{"op": "tree", "source": "b"}`), `m.json:1:24: /ops/0: tree needs the key "path"; add it`},
	{"tree without source", in(`{"op": "tree", "path": "a"}`), `m.json:1:24: /ops/0: tree needs the key "source"; add it`},

	{"write of nothing", in(`{"op": "write", "path": "a"}`), `m.json:1:24: /ops/0: write needs exactly one of "content", "base64" and "source"; add one`},
	{"content and base64", write(`"base64": ""`), `m.json:1:68: /ops/0/base64: write needs exactly one of "content", "base64" and "source"; remove "content" or "base64"`},
	{"source before content", in(`{"source": "s", "content": "", "path": "a", "op": "write"}`), `m.json:1:40: /ops/0/content: write needs exactly one of "content", "base64" and "source"; remove "source" or "content"`},
	{"schema without format", write(`"schema": "s.json"`), `m.json:1:68: /ops/0/schema: schema needs a format; add "format": "json"`},
}
