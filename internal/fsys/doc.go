// Package fsys is the thin layer between the engine and the operating system: small functions on folder handles.
//
// Everything works relative to an open folder ([Dir]) and one name in it, so that nothing can be led elsewhere by a
// path that changes meanwhile. Symbolic links are never followed. Errors are bare errnos (or ErrUnsupported): only the
// caller knows what the user calls the file, and makes the *fs.PathError.
//
// An interrupted call (EINTR) is repeated. A failed sync is never repeated: the kernel has marked the pages clean, and
// a second sync would report a success that never was (see "PostgreSQL's fsync() surprise", LWN 2018).
//
// The portable interface is in this package's plain files; what only one system can do is in the files with its suffix.
package fsys
