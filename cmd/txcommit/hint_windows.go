package main

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// systemAdvices are about what only Windows says, or says for other reasons than others.
var systemAdvices = []advice{
	{windows.ERROR_INVALID_NAME, anywhere, "invalid", `use no name with one of \ : * ? " < > | in it, with a dot or a space at its end, ` +
		"of a device (NUL, COM1), or in the form of a short one (NAME~1)"},
	{windows.ERROR_SHARING_VIOLATION, anywhere, "in-use", "close the program that has it open and try again"},
	{fs.ErrPermission, atRollback, "permission", "close the programs that have it open, and check who may change the path and the folders above it"},
}
