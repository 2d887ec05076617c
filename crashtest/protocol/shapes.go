package protocol

// A shape is what two transactions do to which tree.
type shape struct {
	name string
	a, b []step
	abc  [3]what
	acts []act
	// undo are the steps of the transaction that takes a back; none where these would not be links to what is kept.
	undo []step
}

var (
	replaceA = act{kind: replace, at: pathA, to: nowhere}
	replaceB = act{kind: replace, at: pathB, to: nowhere}
	replaceC = act{kind: replace, at: pathC, to: nowhere}
	deleteA  = act{kind: unlink, at: pathA, to: nowhere}
	deleteB  = act{kind: unlink, at: pathB, to: nowhere}
	editA    = act{kind: edit, at: pathA, to: nowhere}
	editB    = act{kind: edit, at: pathB, to: nowhere}
	moveBA   = act{kind: shift, at: pathB, to: pathA}
	linkBA   = act{kind: linkTo, at: pathB, to: pathA}
	asideA   = act{kind: aside, at: pathA, to: nowhere}
	backA    = act{kind: back, at: pathA, to: nowhere}
	nextA    = act{kind: nextTo, at: pathA, to: nowhere}
	chmodA   = act{kind: setMode, at: pathA, to: nowhere}
	fillA    = act{kind: fill, at: pathA, to: nowhere}
	fillB    = act{kind: fill, at: pathB, to: nowhere}
	fillC    = act{kind: fill, at: pathC, to: nowhere}
	moveP    = act{kind: shiftTop, at: pathA, to: nowhere}
)

var (
	twoFiles = [3]what{file, file, nothing}
	common   = []act{replaceA, deleteA, replaceB, deleteB, editA, editB, nextA, moveP}
)

// shapes are the kinds of transaction: what is replaced, made, removed, renamed, swapped, moved, with files and folders.
var shapes = []shape{
	{"replace two", []step{put(pathA), put(pathB)}, []step{put(pathA), put(pathB)}, twoFiles, common, []step{restore(pathA, 0), restore(pathB, 1)}},
	{"replace and create", []step{put(pathA), put(pathC)}, []step{put(pathA), put(pathC)}, twoFiles, append(common, replaceC), []step{restore(pathA, 0), gone(pathC)}},
	{"replace and remove", []step{put(pathA), gone(pathB)}, []step{put(pathA)}, twoFiles, common, []step{restore(pathA, 0), restore(pathB, 1)}},
	{"rename over", []step{link(pathA, pathB), gone(pathB)}, []step{put(pathA)}, twoFiles, append(common, moveBA, linkBA), []step{restore(pathA, 0), restore(pathB, 1)}},
	{"rename beside", []step{link(pathC, pathB), gone(pathB)}, []step{put(pathC)}, twoFiles, append(common, replaceC), []step{restore(pathB, 1), gone(pathC)}},
	{"remove a file", []step{put(pathB), gone(pathA)}, []step{put(pathA)}, twoFiles, append(common, asideA, backA), []step{restore(pathA, 1), restore(pathB, 0)}},
	{"swap", []step{link(pathA, pathB), link(pathB, pathA)}, []step{put(pathA), put(pathB)}, twoFiles, append(common, moveBA, linkBA), []step{restore(pathA, 0), restore(pathB, 1)}},
	{"rotate", []step{link(pathB, pathA), link(pathC, pathB), put(pathA)}, []step{put(pathC)}, twoFiles, append(common, replaceC), nil},
	{"chmod", []step{put(pathB), mode(pathA)}, []step{put(pathB)}, twoFiles, append(common, chmodA), nil},
	{"make a folder", []step{put(pathB), mkdir(pathC)}, []step{put(pathCX)}, twoFiles, append(common, replaceC, fillC), nil},
	{"folder with a renamed file", []step{holding(mkdir(pathC), pathB), gone(pathB)}, []step{put(pathB)}, twoFiles, append(common, fillC), nil},
	{"folder becomes file", []step{put(pathA), put(pathB)}, []step{put(pathA)}, [3]what{dir, file, nothing}, append(common, fillA), nil},
	{"file becomes folder", []step{mkdir(pathA), put(pathB)}, []step{put(pathAX)}, twoFiles, append(common, fillA), nil},
	{"remove a folder", []step{put(pathB), gone(pathA)}, []step{put(pathA)}, [3]what{dir, file, nothing}, append(common, fillA), nil},
	{"remove an empty folder", []step{put(pathB), emptied(gone(pathA))}, []step{put(pathB)}, [3]what{emptyDir, file, nothing}, append(common, fillA), nil},
	{"move a folder", []step{put(pathB), moved(pathA, pathC)}, []step{put(pathCX)}, [3]what{dir, file, nothing}, append(common, fillA, fillC), nil},
	{"move over a removed folder", []step{gone(pathC), moved(pathA, pathC)}, []step{put(pathCX)}, [3]what{dir, nothing, dir}, append(common, fillA, fillC), nil},
	{"move two folders", []step{moved(pathB, pathC), moved(pathA, pathB)}, []step{put(pathBX)}, [3]what{dir, dir, nothing}, append(common, fillA, fillB), nil},
	{"move into a new folder", []step{mkdirEmpty(pathC), moved(pathA, pathCX)}, []step{put(pathA)}, [3]what{dir, nothing, nothing}, append(common, fillA, fillC), nil},
	{"move away and make anew", []step{moved(pathA, pathC), mkdir(pathA)}, []step{put(pathAX)}, [3]what{dir, nothing, nothing}, append(common, fillA, fillC), nil},
}
