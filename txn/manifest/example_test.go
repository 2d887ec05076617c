package manifest_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/txcommit/txcommit/txn/manifest"
)

func Example() {
	m, err := manifest.Parse("deploy.json", strings.NewReader(`{"version": 1, "id": "deploy-42", "ops": [
  {"op": "write",   "path": "releases/42/index.html", "content": "<h1>42</h1>\n"},
  {"op": "symlink", "path": "current", "target": "releases/42"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, op := range m.Ops {
		fmt.Printf("%d:%d %s %s\n", op.Line, op.Col, op.Kind, op.Path)
	}
	// Output:
	// 2:3 write releases/42/index.html
	// 3:3 symlink current
}

func ExampleParse_error() {
	_, err := manifest.Parse("m.json", strings.NewReader(`{"version": 1, "ops": [
  {"op": "chmod", "path": "run.sh", "mode": 755}]}`))
	fmt.Println(err)
	_, err = manifest.Parse("m.json", strings.NewReader(`{"version": 1, "ops": [
  {"op": "remove", "path": "legacy", "recursiv": true}]}`))
	fmt.Println(err)
	// Output:
	// m.json:2:45: /ops/0/mode: expected an octal mode like "0755", got a number
	// m.json:2:38: /ops/0/recursiv: unknown key "recursiv"; did you mean "recursive"?
}

func ExampleManifest_Encode() {
	m := manifest.Manifest{Message: "logs", Ops: []manifest.Op{
		{Kind: manifest.Rename, From: "a.log", To: "a.log.1", Replace: true},
		{Kind: manifest.Write, Path: "a.log", Content: []byte{}, Mode: manifest.ModeOf(0o640)},
	}}
	if err := m.Encode(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"version": 1, "message": "logs", "ops": [
	//   {"op": "rename", "from": "a.log", "to": "a.log.1", "replace": true},
	//   {"op": "write", "path": "a.log", "content": "", "mode": "0640"}]}
}

func ExampleManifest_ErrorAt() {
	m, _ := manifest.Parse("m.json", strings.NewReader(`{"version": 1, "ops": [
  {"op": "mkdir", "path": "a"},
  {"op": "mkdir", "path": "a"}]}`))
	fmt.Println(m.ErrorAt(1, errors.New(`"a": also made by /ops/0; drop one of them`)))
	// Output: m.json:3:3: /ops/1: "a": also made by /ops/0; drop one of them
}

func ExampleCleanPath() {
	fmt.Println(manifest.CleanPath("./a//b/", false))
	fmt.Println(manifest.CleanPath("a/../../etc", false))
	// Output:
	// a/b <nil>
	//  "a/../../etc": path has a ".."; write it without
}
