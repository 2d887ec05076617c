package txn

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
)

// TestSubTold lets the making of a subfolder fail: all whose files were to share it are told why, not what follows from it.
func TestSubTold(t *testing.T) {
	dir, err := fsys.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	f, err := dir.Create("0", 0o600) // in its way
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &stage{dir: dir, subs: map[string]uint32{}}
	s.expect(2)
	for _, target := range []string{"a", "b"} {
		if sub, err := s.subFor(target); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %d, %v, want that it exists", target, sub, err)
		}
	}
}
