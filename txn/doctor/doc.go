// Package doctor finds out what a folder can and cannot do for the transactions of package txn, before somebody relies on
// it: which file system it is on, what of renames, links and flushes works there, what below it is out of reach, and
// whether the store in it is whole.
//
// What has to be tried is tried with files in .txcommit/stage/<id>, which are deleted at the end: also after an error or
// when the context ends. If the process is killed, the next commit or recovery deletes them, as it does with what any
// dead process has staged. Where there is no store, the state folder is made for that, and taken away again. On a
// read-only file system, or where the user may not write, nothing is tried. Apart from that nothing is changed; an
// unfinished transaction is told of, and left alone.
package doctor
