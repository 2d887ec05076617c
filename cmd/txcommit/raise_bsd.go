//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// raise sends a signal to this process.
func raise(s unix.Signal) { _ = unix.Kill(unix.Getpid(), s) }
