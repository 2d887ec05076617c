package fsys

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestDirtyBytes reads the figure in another way too, until both have read it at a moment at which it was the same.
func TestDirtyBytes(t *testing.T) {
	line := regexp.MustCompile(`(?m)^Dirty: +(\d+) kB$`)
	for range 10_000 {
		b, err := os.ReadFile("/proc/meminfo")
		if err != nil {
			t.Fatal(err)
		}
		kb, err := strconv.ParseInt(string(line.FindSubmatch(b)[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if DirtyBytes() == kb<<10 {
			return
		}
	}
	t.Errorf("DirtyBytes is %d, which is never what /proc/meminfo says", DirtyBytes())
}
