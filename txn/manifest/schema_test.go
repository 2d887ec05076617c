package manifest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/txcommit/txcommit/txn/manifest"
)

// compiled returns the schema, ready to validate. The patterns are such as RE2 and ECMA 262 read alike.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(manifest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("manifest.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judge says what the schema and the parser make of a text.
func judge(s *jsonschema.Schema, text string) (schema, parser error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(doc)
	}
	_, parser = manifest.Parse("m.json", strings.NewReader(text))
	return err, parser
}

// inexpressible are texts that the parser refuses and the schema cannot, with the reason.
var inexpressible = []struct{ why, text string }{
	{"duplicate keys: a schema sees the last one", `{"version": 1, "ops": [], "id": "a", "id": "b"}`},
	{"a byte order mark: not seen by a schema", "\ufeff" + `{"version": 1, "ops": []}`},
	{"invalid UTF-8: replaced before a schema sees it", `{"version": 1, "ops": [], "message": "` + "\xff" + `"}`},
	{"lone surrogates: replaced before a schema sees it", `{"version": 1, "ops": [], "message": "\ud800"}`},
	{"names are limited in bytes, maxLength counts characters", one(`"op": "mkdir", "path": "` + strings.Repeat("é", 200) + `"`)},
	{"paths are limited when cleaned, and in bytes", one(`"op": "mkdir", "path": "` + strings.Repeat("a/", 2200) + `a"`)},
	{"targets are limited in bytes", one(`"op": "symlink", "path": "a", "target": "` + strings.Repeat("é", 4000) + `"`)},
	{"ids are limited in bytes", `{"version": 1, "ops": [], "id": "` + strings.Repeat("é", 200) + `"}`},
	{"messages are limited in bytes", `{"version": 1, "ops": [], "message": "` + strings.Repeat("é", 60000) + `"}`},
	{"globs have a grammar that is not regular", one(`"op": "tree", "path": "a", "source": "b", "exclude": ["[a-"]`)},
}

func one(op string) string { return `{"version": 1, "ops": [{` + op + `}]}` }

// TestSchemaCannot lists what only the parser refuses. If one of them is refused by the schema too, its reason is gone.
func TestSchemaCannot(t *testing.T) {
	s := compiled(t)
	for _, tt := range inexpressible {
		schema, parser := judge(s, strings.TrimPrefix(tt.text, "\ufeff"))
		if strings.HasPrefix(tt.text, "\ufeff") {
			_, parser = judge(s, tt.text)
		}
		if parser == nil || schema != nil {
			t.Errorf("%s: %.80s: the parser says %v and the schema %v; want only the parser to refuse it", tt.why, tt.text, parser, schema)
		}
	}
}

// values are JSON values for each key, good and bad ones; the keys that take the same share them.
var values = map[string][]string{
	"version": {"1", "1.0", "1e0", "0", "2", "1.5", `"1"`, "null"},
	"id":      {`"a"`, `"é 1"`, `""`, `"a\tb"`, `"a\u0085b"`, `"a\u007f"`, "null", "1", `"` + strings.Repeat("n", 255) + `"`, `"` + strings.Repeat("n", 256) + `"`},
	"message": {`""`, `"a\nb"`, "[]", `"` + strings.Repeat("m", 64<<10) + `"`, `"` + strings.Repeat("m", 64<<10+1) + `"`},
	"stream":  {"true", "false", `"true"`, "1", "null"},
	"ops":     {"[]", "null", "{}", "[null]", `["a"]`, "[{}]", `[{"op": 1}]`, `[{"op": "wirte", "path": "a"}]`},
	"op":      {`"write"`, `"remove"`, `"rename"`, `"mkdir"`, `"symlink"`, `"chmod"`, `"tree"`, `"link"`, `""`, "1", "null"},
	"path": {
		`"a"`, `"./a//b/"`, `"a/.txcommit2/..b/c.."`, `"..."`, `"...//"`, `"a\n/\\ *"`, `"é"`, `"` + strings.Repeat("n", 255) + `"`,
		`"."`, `"./"`, `".//./"`, `"./."`, `"./a/."`, `""`, `"/"`, `"/etc"`, `".."`, `"a/../b"`, `"../a"`, `"a/.."`, `"./.."`,
		`"a\u0000"`, `".txcommit"`, `"a/.txcommit/b"`, `"a/.txcommit"`, `"` + strings.Repeat("n", 256) + `"`,
		`"a/` + strings.Repeat("n", 256) + `/b"`, "null", "1", "[]",
	},
	"content":   {`""`, `"text\u0000\n"`, "1", "{}", "null"},
	"base64":    {`""`, `"YQ=="`, `"YWI="`, `"YWJj"`, `"YWJjYQ=="`, `"\/+8A"`, `"YQ"`, `"YR=="`, `"YWJ="`, `"__--"`, `"YWJj\nYWJj"`, `"YWJj\n"`, `"===="`, "true"},
	"source":    {`"s"`, `"../s"`, `"/s"`, `""`, `"a\u0000b"`, "null"},
	"target":    {`"t"`, `"/x/../.."`, `""`, `"\u0000"`, `"` + strings.Repeat("t", 4095) + `"`, `"` + strings.Repeat("t", 4096) + `"`, "1"},
	"mode":      {`"0"`, `"755"`, `"0755"`, `"07777"`, `"7777"`, `"00007"`, `""`, `"0789"`, `"10000"`, `"000755"`, `"0o755"`, `"+755"`, `"-1"`, `"7_5"`, `" 755"`, `"0755\n"`, "755"},
	"sha256":    {`"` + strings.Repeat("aF0", 21) + `9"`, `"` + strings.Repeat("0", 63) + `"`, `"` + strings.Repeat("0", 63) + `g"`, `"` + strings.Repeat("0", 64) + `\n"`, "null"},
	"format":    {`"json"`, `"yaml"`, "null"},
	"recursive": {"true", "false", `"true"`, "null", "1"},
	"missing":   {`"ok"`, `"error"`, `"ignore"`, "true"},
	"parents":   {`"make"`, `"require"`, `"no"`, "true"},
	"exclude":   {"[]", `["**/*.map", "{a,b}/[!x]"]`, `[""]`, `["a", 1]`, `"a"`, "null"},
	"expect": {
		`"absent"`, `"present"`, `{"sha256": "` + strings.Repeat("aF0", 21) + `9"}`, `"gone"`, "false", "{}", `{"md5": ""}`,
		`{"sha256": "00"}`, `{"sha256": null}`, `{"sha256": "` + strings.Repeat("0", 64) + `", "x": 1}`, "[]",
	},
	"owner": {`"unknown key"`},
}

func init() {
	for key, like := range map[string]string{
		"from": "path", "to": "path", "schema": "source",
		"replace": "recursive", "prune": "recursive", "move": "recursive", "times": "recursive",
	} {
		values[key] = values[like]
	}
}

// whole are complete ops with all their keys, each good.
var whole = []map[string]string{
	{"op": `"write"`, "path": `"a"`, "content": `""`, "mode": `"0644"`, "sha256": values["sha256"][0], "format": `"json"`, "schema": `"s"`, "expect": `"absent"`, "parents": `"make"`},
	{"op": `"write"`, "path": `"a"`, "base64": `""`},
	{"op": `"write"`, "path": `"a"`, "source": `"s"`},
	{"op": `"remove"`, "path": `"a"`, "recursive": "true", "missing": `"ok"`, "expect": `"present"`},
	{"op": `"rename"`, "from": `"a"`, "to": `"b"`, "replace": "true", "expect": `"present"`, "parents": `"require"`},
	{"op": `"mkdir"`, "path": `"a"`, "mode": `"0755"`, "parents": `"make"`},
	{"op": `"symlink"`, "path": `"a"`, "target": `"t"`, "expect": `"absent"`, "parents": `"make"`},
	{"op": `"chmod"`, "path": `"a"`, "mode": `"0755"`, "expect": `"present"`},
	{"op": `"tree"`, "path": `"."`, "source": `"s"`, "prune": "true", "exclude": `["*.o"]`, "move": "true", "times": "true", "parents": `"make"`},
}

func object(members map[string]string) string {
	var parts []string
	for key, value := range members {
		parts = append(parts, `"`+key+`": `+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// agree checks that the schema and the parser say the same of a text, and returns what they say.
func agree(t interface {
	Helper()
	Errorf(string, ...any)
}, s *jsonschema.Schema, text string,
) bool {
	t.Helper()
	schema, parser := judge(s, text)
	if (schema == nil) != (parser == nil) {
		t.Errorf("%.300s:\nthe parser says %v\nthe schema says %v", text, parser, schema)
	}
	return parser == nil
}

// TestSchemaAgrees gives the schema and the parser one corpus: every op with all its keys, without each of them, with each
// other key there is, and with each value of it; and the same for the manifest itself. They say yes and no alike.
func TestSchemaAgrees(t *testing.T) {
	s := compiled(t)
	n, accepted := 0, 0
	try := func(text string) {
		n++
		if agree(t, s, text) {
			accepted++
		}
	}
	for _, op := range whole {
		for key, all := range values {
			was, had := op[key]
			delete(op, key)
			try(one(object(op)))
			for _, v := range all {
				op[key] = v
				try(one(object(op)))
			}
			if delete(op, key); had {
				op[key] = was
			}
		}
	}
	top := map[string]string{"version": "1", "id": `"i"`, "message": `"m"`, "ops": "[]"}
	for key, all := range values {
		was, had := top[key]
		delete(top, key)
		try("{" + object(top) + "}")
		for _, v := range all {
			top[key] = v
			try("{" + object(top) + "}")
		}
		if delete(top, key); had {
			top[key] = was
		}
	}
	for _, text := range []string{
		`{"version": 1, "stream": true}`, `{"version": 1, "stream": true, "id": "a", "message": "m"}`, `{"version": 1, "stream": false}`,
		`{"stream": true}`, "", "[]", "null", `"a"`, "{}", `{"version": 1}`, `{"ops": []}`, `{"version": 1, "ops": []} {}`, `{"version": 1, "ops": []`,
	} {
		try(text)
	}
	t.Logf("%d texts, %d of them accepted", n, accepted)
	if accepted < n/20 {
		t.Errorf("only %d of %d texts are accepted: the corpus has too few good ones", accepted, n)
	}
}

// TestSchemaAgreesOnRandom does the same with ops of random keys and values.
func TestSchemaAgreesOnRandom(t *testing.T) {
	s := compiled(t)
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	rapid.Check(t, func(t *rapid.T) {
		op := map[string]string{}
		for key, v := range rapid.SampledFrom(whole).Draw(t, "op") {
			op[key] = v
		}
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			delete(op, key)
			if rapid.IntRange(0, 3).Draw(t, "drop") > 0 {
				op[key] = rapid.SampledFrom(values[key]).Draw(t, "value")
			}
		}
		agree(t, s, one(object(op)))
	})
}

// TestSchemaDescribes makes sure that everything in the schema has a description.
func TestSchemaDescribes(t *testing.T) {
	var doc struct {
		Properties map[string]map[string]any `json:"properties"`
		Defs       map[string]struct {
			Description string                     `json:"description"`
			Properties  map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(manifest.Schema()), &doc); err != nil {
		t.Fatal(err)
	}
	for key, p := range doc.Properties {
		if p["description"] == nil {
			t.Errorf("%s has no description", key)
		}
	}
	for name, def := range doc.Defs {
		if def.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for key, p := range def.Properties {
			if text := string(p); text != "true" && !strings.Contains(text, `"description"`) && !strings.Contains(text, `"$ref"`) {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
}
