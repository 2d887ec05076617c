package recovery

import (
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
)

// TestTimed looks at inodes with another time than the recorded one: that tells of an edit of a file, and nothing of a link, which
// nobody can edit, and whose time a power cut can take back, because no sync reaches it.
func TestTimed(t *testing.T) {
	for _, tt := range []struct {
		kind fsys.Kind
		same bool
	}{{fsys.File, false}, {fsys.Special, false}, {fsys.Link, true}, {fsys.Folder, true}} {
		was := fsys.Info{ID: fsys.ID{Ino: 7}, Kind: tt.kind, Size: 6, Mtime: 1}
		now := was
		now.Mtime = 2
		for what, same := range map[string]bool{
			"untouched":   untouched(now, Describe(was)),
			"EntryDigest": EntryDigest("a", now) == EntryDigest("a", was),
			"Unbroken":    Unbroken(now, Seal(was)),
		} {
			if same != tt.same {
				t.Errorf("kind %v: %s says that it is the same: %t, want %t", tt.kind, what, same, tt.same)
			}
		}
	}
}
