//go:build unix

package main

import "testing"

func scripts(t *testing.T) []string { return scriptsIn(t, "testdata/script") }

// scripted is the command as scripts run it.
func scripted() { main() }
