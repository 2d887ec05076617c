//go:build unix

package main

import "testing"

func scripts(t *testing.T) []string { return scriptsIn(t, "testdata/script") }
