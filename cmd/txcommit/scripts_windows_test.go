package main

import "testing"

// scripts are those for Windows, and those of other systems that ask for nothing that it lacks.
func scripts(t *testing.T) []string {
	all := scriptsIn(t, "testdata/windows")
	for _, name := range []string{"apply", "apply_json", "apply_stream", "help", "history", "recover", "schema", "version"} {
		all = append(all, "testdata/script/"+name+".txtar")
	}
	return all
}
