package jsondoc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/txcommit/txcommit/txn/jsondoc"
)

const packageJSON = `{
  "name": "shop",
  "version": "1.4.0",
  "dependencies": {
    "left-pad": "^1.0.0",
    "@scope/pkg": "2"
  },
  "files": ["a", "b"],
  "empty": {},
  "private": true
}
`

// TestEdits checks that an edit changes what it means, in the style around it, and not one byte more.
func TestEdits(t *testing.T) {
	set := func(v any, path ...string) func(*jsondoc.Doc) error {
		return func(d *jsondoc.Doc) error { return d.Set(v, path...) }
	}
	remove := func(path ...string) func(*jsondoc.Doc) error {
		return func(d *jsondoc.Doc) error { return d.Remove(path...) }
	}
	change := func(old, new string) string {
		if strings.Count(packageJSON, old) != 1 {
			t.Fatalf("%q is not once in the document", old)
		}
		return strings.Replace(packageJSON, old, new, 1)
	}
	tests := []struct {
		name, text string
		edit       func(*jsondoc.Doc) error
		want       string
	}{
		{"value", packageJSON, set("1.5.0", "version"), change("1.4.0", "1.5.0")},
		{"after a byte order mark", "\ufeff" + packageJSON, set("1.5.0", "version"), "\ufeff" + change("1.4.0", "1.5.0")},
		{"whole after a byte order mark", "\ufeff{}", set(1), "\ufeff1"},
		{"value in an object", packageJSON, set("^2", "dependencies", "left-pad"), change("^1.0.0", "^2")},
		{"key with a slash", packageJSON, set("3", "dependencies", "@scope/pkg"), change(`g": "2"`, `g": "3"`)},
		{"same value", packageJSON, set(map[string]any{"@scope/pkg": "2", "left-pad": "^1.0.0"}, "dependencies"), packageJSON},
		{"new member", packageJSON, set("7", "dependencies", "z"), change(`"2"`, `"2",`+"\n    "+`"z": "7"`)},
		{"new member of the whole", packageJSON, set(false, "z"), change("true\n", "true,\n  \"z\": false\n")},
		{"member of an empty object", packageJSON, set(1, "empty", "a"), change("{}", "{\n    \"a\": 1\n  }")},
		{"members on the way", packageJSON, set(1, "empty", "a", "b"), change("{}", "{\n    \"a\": {\n      \"b\": 1\n    }\n  }")},
		{"element on one line", packageJSON, set("c", "files", "-"), change(`"b"]`, `"b", "c"]`)},
		{"element by its number", packageJSON, set("c", "files", "2"), change(`"b"]`, `"b", "c"]`)},
		{"array on one line", packageJSON, set([]string{"c"}, "files"), change(`["a", "b"]`, `["c"]`)},
		{"no escapes for HTML", packageJSON, set("<&>", "name"), change(`"shop"`, `"<&>"`)},
		{"object for a value", packageJSON, set(map[string]int{"b": 2, "a": 1}, "private"), change("true", "{\n    \"a\": 1,\n    \"b\": 2\n  }")},
		{"remove", packageJSON, remove("version"), change("  \"version\": \"1.4.0\",\n", "")},
		{"remove the first", packageJSON, remove("name"), change("\"name\": \"shop\",\n  ", "")},
		{"remove the last", packageJSON, remove("private"), change(",\n  \"private\": true", "")},
		{"remove an element", packageJSON, remove("files", "0"), change(`"a", `, "")},
		{"remove the only one", `{"a": {"b": 1}}`, remove("a", "b"), `{"a": {}}`},

		{"tabs and CRLF", "{\r\n\t\"a\": 1\r\n}", set([]int{2}, "b"), "{\r\n\t\"a\": 1,\r\n\t\"b\": [\r\n\t\t2\r\n\t]\r\n}"},
		{"compact", `{"a":1,"b":[]}`, set(map[string]int{"d": 1, "e": 2}, "c"), `{"a":1,"b":[],"c":{"d":1,"e":2}}`},
		{"compact array", `{"a":1,"b":[]}`, set(1, "b", "-"), `{"a":1,"b":[1]}`},
		{"one line with spaces", `{"a": 1, "b": 2}` + "\n", set([]int{1, 2}, "c"), `{"a": 1, "b": 2, "c": [1, 2]}` + "\n"},
		{"empty document", "{}\n", set(1, "a"), "{\n  \"a\": 1\n}\n"},
		{"four spaces, deep", "{\n    \"a\": {\n        \"b\": 1\n    }\n}", set([]int{}, "a", "c"), "{\n    \"a\": {\n        \"b\": 1,\n        \"c\": []\n    }\n}"},
		{"a scalar", " 1\n", set("x"), " \"x\"\n"},
		{"long numbers differ", `{"a": 12345678901234567890}`, set(json.Number("12345678901234567891"), "a"), `{"a": 12345678901234567891}`},
		{"odd layout stays", "{ \"a\" :1 ,\n\"b\": [ 1,2 ] }", set(2, "a"), "{ \"a\" :2 ,\n\"b\": [ 1,2 ] }"},
		{"escaped key", `{"\u0061": 1}`, set(2, "a"), `{"\u0061": 2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := jsondoc.Parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.edit(d); err != nil {
				t.Fatal(err)
			}
			if got := string(d.Bytes()); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

// TestErrors checks that what is missing matches fs.ErrNotExist, that messages name the place, and that nothing changes.
func TestErrors(t *testing.T) {
	tests := []struct {
		name string
		call func(*jsondoc.Doc) error
		want string
		gone bool
	}{
		{"get", func(d *jsondoc.Doc) error { return d.Get(new(any), "a/b", "c") }, `"/a~1b": file does not exist`, true},
		{"remove", func(d *jsondoc.Doc) error { return d.Remove("dependencies", "x") }, `"/dependencies/x": file does not exist`, true},
		{"remove all", func(d *jsondoc.Doc) error { return d.Remove() }, "the whole document cannot be removed", false},
		{"keys", func(d *jsondoc.Doc) error { _, err := d.Keys("files"); return err }, `"/files": is not an object`, false},
		{"below a string", func(d *jsondoc.Doc) error { return d.Set(1, "name", "x") }, `"/name": is neither an object nor an array`, false},
		{"no number", func(d *jsondoc.Doc) error { return d.Set(1, "files", "01") }, `"/files/01": an element of an array is named by its number, from 0`, false},
		{"far away", func(d *jsondoc.Doc) error { return d.Set(1, "files", "3") }, `"/files/3": the array has only 2 elements`, false},
		{"no JSON", func(d *jsondoc.Doc) error { return d.Set(func() {}, "name") }, "json: unsupported type: func()", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := jsondoc.Parse([]byte(packageJSON))
			if err != nil {
				t.Fatal(err)
			}
			err = tt.call(d)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || errors.Is(err, fs.ErrNotExist) != tt.gone {
				t.Errorf("got error %v, want %q, matching fs.ErrNotExist: %v", err, tt.want, tt.gone)
			}
			if got := string(d.Bytes()); got != packageJSON {
				t.Errorf("the document has changed:\n%s", got)
			}
		})
	}
	for _, text := range []string{"", "{", `{"a": 1, "a": 2}`, "\"\xff\"", "{} {}", "nul"} {
		if d, err := jsondoc.Parse([]byte(text)); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, d)
		}
	}
}

// TestReads checks Get, Has and Keys.
func TestReads(t *testing.T) {
	d, err := jsondoc.Parse([]byte(packageJSON))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	if err := d.Get(&files, "files"); err != nil || !slices.Equal(files, []string{"a", "b"}) {
		t.Errorf("Get: %v, %v", files, err)
	}
	keys, err := d.Keys("dependencies")
	if err != nil || !slices.Equal(keys, []string{"left-pad", "@scope/pkg"}) {
		t.Errorf("Keys: %v, %v", keys, err)
	}
	if !d.Has("files", "1") || d.Has("files", "2") || !d.Has() {
		t.Errorf("Has: wrong about files")
	}
}

// TestRandomEdits edits random documents, laid out in random ways, and compares with the same edits of a map: the text is
// valid all the time, and says what the map says.
func TestRandomEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := drawValue(t, 3)
		object, ok := model.(map[string]any)
		if !ok {
			object = map[string]any{"a": model}
		}
		text, err := json.MarshalIndent(object, "", rapid.SampledFrom([]string{"", " ", "  ", "\t"}).Draw(t, "indent"))
		if rapid.Bool().Draw(t, "compact") {
			text, err = json.Marshal(object)
		}
		d, perr := jsondoc.Parse(text)
		if err != nil || perr != nil {
			t.Fatalf("%v, %v", err, perr)
		}
		for range rapid.IntRange(1, 6).Draw(t, "edits") {
			at, path := object, []string{}
			for {
				key := rapid.SampledFrom([]string{"a", "b", "c/~"}).Draw(t, "key")
				path = append(path, key)
				below, ok := at[key].(map[string]any)
				if !ok || rapid.Bool().Draw(t, "here") {
					break
				}
				at = below
			}
			key := path[len(path)-1]
			if _, there := at[key]; there && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				delete(at, key)
				err = d.Remove(path...)
			} else {
				at[key] = drawValue(t, 2)
				err = d.Set(at[key], path...)
			}
			var got any
			if uerr := json.Unmarshal(d.Bytes(), &got); err != nil || uerr != nil || !reflect.DeepEqual(got, any(object)) {
				t.Fatalf("after editing %q: %v, %v\n%s\nwant %v", path, err, uerr, d.Bytes(), object)
			}
		}
	})
}

func drawValue(t *rapid.T, depth int) any {
	switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case kind < 2 && depth > 0:
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			object[rapid.SampledFrom([]string{"a", "b", "c/~"}).Draw(t, "member")] = drawValue(t, depth-1)
		}
		return object
	case kind == 2 && depth > 0:
		array := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			array = append(array, drawValue(t, depth-1))
		}
		return array
	case kind == 3:
		return float64(rapid.IntRange(-5, 5).Draw(t, "number"))
	}
	return rapid.SampledFrom([]any{nil, true, "x\ny", `"}]`, "é"}).Draw(t, "value")
}

// ExampleDoc_Set bumps a version; all else stays as it is.
func ExampleDoc_Set() {
	d, err := jsondoc.Parse([]byte("{\n\t\"name\": \"shop\",\n\t\"version\": \"1.4.0\"\n}\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := d.Set("1.5.0", "version"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", d.Bytes())
	// Output:
	// {
	// 	"name": "shop",
	// 	"version": "1.5.0"
	// }
}
