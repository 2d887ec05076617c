//go:build !windows

package main

// systemAdvices are there on Windows.
var systemAdvices []advice
