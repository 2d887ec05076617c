package doctor

import (
	"strings"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
)

// TestJudge checks what is said of each sort of file system.
func TestJudge(t *testing.T) {
	network := fsys.Volume{Name: "nfs", Unsafe: "locks can be lost"}
	tests := []struct {
		volume   fsys.Volume
		accepted bool
		want     Level
		word     string
	}{
		{fsys.Volume{Name: "ext4", SyncFS: true}, false, OK, "ext4"},
		{fsys.Volume{Name: "overlay"}, false, OK, "overlay"},
		{fsys.Volume{Name: "tmpfs", SyncFS: true}, false, Warn, "restart"},
		{fsys.Volume{Name: "0x9fa0"}, false, Warn, "never tested"},
		{fsys.Volume{Name: "local"}, false, Warn, "never tested"}, // macOS and the BSDs
		{fsys.Volume{Name: "refs", Unsafe: "anything", Unusable: "numbers"}, true, Fail, "numbers"},
		{network, false, Fail, "locks can be lost"},
		{network, true, Warn, "locks can be lost"},
	}
	for _, tt := range tests {
		if got, text := judge(tt.volume, tt.accepted); got != tt.want || !strings.Contains(text, tt.word) {
			t.Errorf("%+v, accepted %v: got %s %q, want %s and %q", tt.volume, tt.accepted, got, text, tt.want, tt.word)
		}
	}
}

// TestSize checks sizes as people read them.
func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB", 1 << 63: "8192.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}
