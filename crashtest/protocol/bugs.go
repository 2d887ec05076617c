package protocol

// Bug is a rule taken out of the protocol. Those that are seeds of the mutation gate (crashtest/mutants) have the name
// of their seed.
type Bug string

// The seeded bugs of the gate.
const (
	NoBug                Bug = ""
	DataNotSynced        Bug = "data-not-synced"
	ExpectNotRechecked   Bug = "expect-not-rechecked"
	LazyRecords          Bug = "lazy-records"
	MarkerBeforeBarrier3 Bug = "marker-before-barrier-3"
	ModesNotSynced       Bug = "modes-not-synced"
	NamesNotDataSyncfs   Bug = "names-not-data-syncfs"
	NoBarrier1Syncfs     Bug = "no-barrier-1-syncfs"
	NoBarrier1           Bug = "no-barrier-1"
	NoBarrier3Syncfs     Bug = "no-barrier-3-syncfs"
	NoBarrier3           Bug = "no-barrier-3"
	NoSettleInRecovery   Bug = "no-settle-in-recovery"
	NoSettle             Bug = "no-settle"
	OneFolder            Bug = "one-folder"
	OwnerGoneFirst       Bug = "owner-gone-first"
	RecordBeforeBarrier3 Bug = "record-before-barrier-3"
	RedoByName           Bug = "redo-by-name"
	RemoveByUnlink       Bug = "remove-by-unlink"
	RootNotSynced        Bug = "root-not-synced"
	StageNotSynced       Bug = "stage-not-synced"
	SwappedNotCompared   Bug = "swapped-out-not-compared"
	UndoNotDurable       Bug = "undo-not-durable"
	NumbersOnly          Bug = "inode-number-only"
	DisplacedLate        Bug = "displaced-late"
	NeverDirty           Bug = "view-never-dirty"
	NoBarrier2           Bug = "no-barrier-2"
	OutForgotten         Bug = "out-forgotten"
	OutNotSynced         Bug = "out-not-synced"
	TrashNotSynced       Bug = "trash-not-synced"
)

// KeptOwnerStays is the seed of that name.
const KeptOwnerStays Bug = "kept-owner-stays"

// Bugs that only the model has.
const (
	// HalvesIgnored takes the two names of a half-done rename for two files.
	HalvesIgnored Bug = "halves-ignored"
	// AbortingNotPut undoes without making durable that it does.
	AbortingNotPut Bug = "aborting-not-put"
	// LinkThrown throws a renamed file's second link away where it is the last one.
	LinkThrown Bug = "link-thrown"
	// LastNameTaken undoes by a rename over a file that is not ours alone and has no other name, where names cannot be
	// exchanged.
	LastNameTaken Bug = "last-name-taken"
	// FolderByName takes a folder that came out of the tree for the recorded one without looking into it.
	FolderByName Bug = "folder-not-walked"
	// AbandonNotPut abandons without making the state durable, and without taking the stage folder away.
	AbandonNotPut Bug = "abandon-not-put"
	// DroppedNotSynced believes a link that makes a step of a rename needless without making it durable.
	DroppedNotSynced Bug = "dropped-not-synced"
	// MoveSkipped does without a folder that is to be moved and is not there any more.
	MoveSkipped Bug = "move-skipped"
	// UnlinkedByName unlinks the second name of a half-done rename, whatever is there by then.
	UnlinkedByName Bug = "unlinked-by-name"
	// MovedNotSynced leaves a target's folder out of barrier 3 if it is not at its path any more.
	MovedNotSynced Bug = "moved-folder-not-synced"
	// EarlierOverlooked takes what a restart has brought back from before an earlier transaction of level process for
	// somebody's newer file.
	EarlierOverlooked Bug = "earlier-overlooked"
	// Exit7NotSynced does not make durable that the stage folder is gone where the record could not be deleted.
	Exit7NotSynced Bug = "exit-7-not-synced"
	// HalfInstallLeft takes a half-done install for one that was never done where the folder of the target has gone.
	HalfInstallLeft Bug = "half-install-left"
	// HalfLeft takes a half-done removal for done where the folder of the target has gone.
	HalfLeft Bug = "half-removal-left"
	// SecondNameMissed does not see that a file that was removed has got a second name after it was looked at.
	SecondNameMissed Bug = "second-name-missed"
	// StagedParentMissed does not find a moved folder in a new one that is back in the stage folder.
	StagedParentMissed Bug = "staged-parent-missed"
	// KeptDeleted deletes the record of a kept transaction in the put that should make it kept.
	KeptDeleted Bug = "kept-deleted"
	// StraySwept takes the folder of a kept transaction that is back in stage/ for a dead one's.
	StraySwept Bug = "stray-swept"
	// UndoneStays leaves an undone transaction in the history where the process died before it could be dropped.
	UndoneStays Bug = "undone-stays"
	// ProcessForgotten deletes the records of level process without making what they did durable.
	ProcessForgotten Bug = "process-not-synced"
	// ProcessRedone redoes a transaction of level process after a restart.
	ProcessRedone Bug = "process-redone"
)
