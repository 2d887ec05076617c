// Package wine runs the Windows build on Linux, under Wine: the tests that packages have for Windows, and the command,
// killed at any moment of a commit and of its recovery.
//
// Wine is not Windows. Its files are those of the host, its renames over open files are refused, it has no symbolic links,
// and no power cut can be shown. Of two calls of Windows 10 only the older ones are run that stand in for
// them. What it does show is that names and errors mean what package internal/fsys takes them for, and that the protocol
// holds without an exchange of names, and without a folder that is open below one that is renamed.
//
// Build tag wine: it takes Wine (Debian: wine64) and two minutes. "make windows" runs it.
package wine
