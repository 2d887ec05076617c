package main

import (
	"os"
	"slices"
	"testing"
)

// scripts are those for Windows, and those of other systems that ask for nothing that it lacks.
func scripts(t *testing.T) []string {
	all := scriptsIn(t, "testdata/windows")
	for _, name := range []string{"apply", "apply_json", "apply_stream", "help", "history", "recover", "schema", "version"} {
		all = append(all, "testdata/script/"+name+".txtar")
	}
	return all
}

// scripted is the command as scripts run it: what is refused on Windows by default is allowed. UNSAFE=ask leaves it to them.
func scripted() {
	if len(os.Args) > 1 && os.Getenv("UNSAFE") != "ask" && slices.Contains([]string{"apply", "sync", "run", "undo", "view", "recover", "gc", "doctor", "plan", "history", "show"}, os.Args[1]) {
		os.Args = slices.Insert(os.Args, 2, "--allow-unsafe-fs")
	}
	main()
}
