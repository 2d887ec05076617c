// Package recovery does everything that is done because of a record in the journal.
//
// A commit is the recovery of a fresh record: [Run.Resume] is the only code that renames into the tree, whether the
// record was written a moment ago by this process or before a crash by one that is dead. It may itself be cut
// anywhere; running it twice is running it once.
//
// # The steps
//
// Each step tells by itself whether it is done, by the inode at its name in the stage folder and never by a name alone:
// after an exchange the name N.new still exists, and holds the old file.
//
//	install   N.new is the staged inode: redo. Gone, or another: done.
//	remove    N.old is the placeholder: redo. Gone, or another: done.
//	chmod     the mode is as wanted: done.
//	move      the recorded folder is at the new name: done.
//
// What comes out of the tree stays at N.new or N.old until barrier 3 has passed. Then what is exactly the recorded old
// content is thrown away; anything else is somebody's, and moves to displaced/ before the record goes.
//
// # Errors
//
// [ErrConflict]: a path was not what an expectation says; all is undone. [ErrIncomplete]: neither finished nor undone;
// the journal keeps everything. Errors about a path are *fs.PathError with the user's path.
package recovery
