package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestViewNeverMixed commits a set of files again and again, while readers look at them under view:
// all files that one of them sees are of one generation. Readers without a view would see some of two.
func TestViewNeverMixed(t *testing.T) {
	const commits, readers, files = 40, 4, 12
	bin, root := needBuilt(t), t.TempDir()
	write := func(n int) {
		mustRun(t, bin, "run", "-C", root, "--path", "out", "--", "sh", "-c",
			fmt.Sprintf(`for i in $(seq %d); do echo %d >"$TXCOMMIT_STAGE/$i"; done`, files, n))
	}
	write(0)
	var done atomic.Bool
	var looks, kinds atomic.Int64
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			last := ""
			for over := false; !over; {
				over = done.Load() // one more look after the last commit
				out, err := exec.Command(bin, "view", "-C", root, "--", "sh", "-c", `cat "$0"/*`, filepath.Join(root, "out")).CombinedOutput()
				seen := strings.Fields(string(out))
				if err != nil || len(seen) != files || !same(seen) {
					t.Errorf("a reader saw %q, %v, want one generation %d times", seen, err, files)
					return
				}
				looks.Add(1)
				if seen[0] != last {
					kinds.Add(1)
				}
				last = seen[0]
			}
			if want := fmt.Sprint(commits); last != want {
				t.Errorf("the last generation seen is %s, want %s", last, want)
			}
		})
	}
	for n := 1; n <= commits && !t.Failed(); n++ {
		write(n)
	}
	done.Store(true)
	wg.Wait()
	t.Logf("%d looks, %d of them at something new", looks.Load(), kinds.Load())
	if entries, err := os.ReadDir(filepath.Join(root, ".txcommit/stage")); err != nil || len(entries) > 0 {
		t.Errorf("left in the stage folder: %v, %v", entries, err)
	}
}

func same(all []string) bool {
	for _, s := range all {
		if s != all[0] {
			return false
		}
	}
	return true
}
