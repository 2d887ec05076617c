// Command txcommit changes many files below one folder at once: all of them or none, through errors, SIGKILL, kernel
// crashes and power loss. It is a thin caller of package txn: flags in, exit codes and text or JSON out.
//
//	txcommit apply MANIFEST|-   commit the changes that a manifest lists
//	txcommit apply --tar FILE|- the same of an archive; --patch FILE|-: of a diff
//	txcommit plan MANIFEST|-    say what apply would do, path by path
//	txcommit sync SRC PATH      make PATH below the root equal to the folder SRC
//	txcommit run -- CMD...      publish what a command makes, if it succeeds
//	txcommit view -- CMD...     run a command that sees no half of a transaction
//	txcommit recover            end what a crash has left unfinished
//	txcommit status             say whether the store is clean, busy or pending
//	txcommit doctor             say what the root can and cannot do
//	txcommit schema             print the JSON Schema of manifests
//	txcommit completion SHELL   print a script that completes commands
//	txcommit version            print build information
//
// # Exit codes
//
// A script can always tell "nothing changed" from "changed" from "unknown":
//
//	  0  committed, or nothing to do
//	  1  failed: the tree, a source or the system refuses; the tree is as it was
//	  2  plan --detailed-exitcode: there are changes; the tree is as it was
//	  3  conflict: a path or a reused id is not as expected; the tree is as it was
//	  4  busy: the lock timeout passed; the tree is as it was
//	  5  incomplete: unknown until "txcommit recover" has run
//	  6  the journal is unreadable or of a newer format; nothing was touched
//	  7  committed, but cleaning up failed; the next run cleans up. Of "recover" and "gc": what they say is left could not be deleted
//	 64  bad usage; nothing was touched
//	 65  bad manifest, wrong whatever the tree holds, or not found; nothing was touched
//	130  interrupted by SIGINT before the commit point; the tree is as it was
//	143  interrupted by SIGTERM before the commit point; the tree is as it was
//
// "run" and "view" pass on the exit code of the command, 128+n if signal n killed it; 125 is a failure of txcommit itself.
//
// # Output
//
// Errors go to standard error as "txcommit: what: why", with a "hint:" line where there is something to do. Names with
// control bytes are quoted as git does. With --output json, standard output carries exactly one JSON object, also for
// errors and bad usage. A path in it is the path itself; one that is not UTF-8, or begins with a double quote, is quoted
// as git does ("gr\374n"), so that no byte is lost.
//
// On a terminal, work that takes longer than 300 ms draws one line about how far it is on standard error, and takes it away
// in the end; colours say what comes, goes and changes. Neither goes into a pipe or a file unless --progress or --color ask
// for it, and NO_COLOR leaves exactly what a pipe would get.
package main
