package txn

import (
	"os"
	"testing"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// NeedStamp skips a test where no stamp is ever believed, and level process is as level sync.
func NeedStamp(t *testing.T) {
	t.Helper()
	d, err := fsys.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := recovery.ThisBoot(d)
	if err != nil {
		t.Fatal(err)
	}
	if b.Once() {
		return
	}
	if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs a mount whose number no other one will have: %+v", b)
	}
	t.Skipf("needs a mount whose number no other one will have: %+v", b)
}
