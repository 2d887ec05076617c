package main

import (
	"context"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

// TestKill kills the command before each of its state-changing calls, and the recovery after that before each of its
// own. Whatever was cut, the tree is all old or all new after it, and new if the command had said so. After every second
// recovery that was cut, a view shows that already.
func TestKill(t *testing.T) {
	bin := needBinary(t)
	for i := range workloads {
		w := &workloads[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			k := &killer{T: t, w: w, bin: bin, dir: filepath.Join(workFolder(t), "stand"), seen: map[string]bool{}}
			k.measure()
			n := 1
			for ; k.apply(n); n += k.pace() {
			}
			t.Logf("%d calls, %d of an idle recovery; %d runs cut, %d recoveries of %d kinds; %d old, %d new",
				n-1, k.idle, k.cuts, k.nested, len(k.seen), k.old, k.renewed)
		})
	}
}

// killer runs one workload again and again.
type killer struct {
	*testing.T
	w    *workload
	bin  string
	dir  string
	idle int // calls of a recovery that finds nothing to do

	seen map[string]bool // recoveries that were cut at each call, by what they do

	cuts, nested, old, renewed int
}

// pace is 1, so that every call has its turn, but for samples.
func (k *killer) pace() int {
	if k.w.sampled() {
		return 7
	}
	return 1
}

// measure runs the workload unharmed.
func (k *killer) measure() {
	s := k.w.ready(k, k.bin, k.dir)
	res := s.apply(k, supervise.Fault{})
	if _, err := s.checkTree(renewed); err != nil || res.ExitCode != 0 {
		k.Fatalf("unharmed: exit code %d, %v\n%s", res.ExitCode, err, res.Stderr)
	}
	idle := s.run(k, supervise.Fault{}, supervise.Options{}, "recover")
	if err := s.checkRest(k, renewed); err != nil || idle.ExitCode != 0 {
		k.Fatalf("unharmed: recover: exit code %d, %v\n%s", idle.ExitCode, err, idle.Stderr)
	}
	k.idle = idle.Calls
	s = k.w.ready(k, k.bin, k.dir)
	s.apply(k, supervise.Fault{})
	s.use(k)
	idle = s.run(k, supervise.Fault{}, supervise.Options{}, "recover")
	is, err := s.checkTree(either)
	if err == nil {
		err = s.checkRest(k, is)
	}
	if err != nil || idle.ExitCode != 0 {
		k.Fatalf("unharmed, then used: recover: exit code %d, %v\n%s", idle.ExitCode, err, idle.Stderr)
	}
}

// cut kills the command of a stand before its call n; false if it made less calls.
func (k *killer) cut(s *stand, n int) (supervise.Result, bool) {
	res := s.apply(k, supervise.Fault{At: n, Kill: true})
	if res.Hit == nil {
		if _, err := s.checkTree(renewed); err != nil || res.ExitCode != 0 {
			k.Fatalf("not killed at call %d: exit code %d, %v\n%s", n, res.ExitCode, err, res.Stderr)
		}
		return res, false
	}
	if res.Signal != unix.SIGKILL {
		k.Fatalf("killed at call %v: exit code %d\n%s", res.Hit, res.ExitCode, res.Stderr)
	}
	k.cuts++
	return res, true
}

// apply kills the command before its call n, and then the recovery before each of its calls. A recovery that makes the
// very same calls as one before, on the same names, is not cut again: it would leave the same.
func (k *killer) apply(n int) bool {
	s := k.w.ready(k, k.bin, k.dir)
	res, hit := k.cut(s, n)
	if !hit {
		return false
	}
	recovery := s.run(k, supervise.Fault{}, supervise.Options{Trace: true}, "recover")
	k.check(s, mayBe(&res), &res, nil, &recovery)
	did := callsOf(recovery.Trace)
	if recovery.Calls <= k.idle || k.seen[did] {
		return true
	}
	k.seen[did] = true
	for m := 1; ; m += k.pace() {
		if m > 1 && m <= len(recovery.Trace) && flushes(&recovery.Trace[m-2]) {
			continue
		}
		if !k.recovery(n, m) {
			return true
		}
	}
}

// anyID is the id of a transaction, which is another one in each run.
var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func callsOf(trace []supervise.Call) string {
	var b strings.Builder
	for _, c := range trace {
		b.WriteString(anyID.ReplaceAllString(c.String(), "ID") + "\n")
	}
	return b.String()
}

// flushes says that a call makes things durable, and changes nothing else: of those a kill does not tell.
func flushes(c *supervise.Call) bool {
	switch c.Name {
	case "fsync", "fdatasync", "syncfs", "sync_file_range":
		return true
	}
	return false
}

// recovery kills the command before its call n, the recovery after it before its call m, looks at the tree by a view of a
// store that was open before, and recovers again.
func (k *killer) recovery(n, m int) bool {
	ctx := context.Background()
	s := k.w.ready(k, k.bin, k.dir)
	st, err := txn.Open(ctx, s.root(), nil)
	if err != nil {
		k.Fatal(err)
	}
	defer st.Close()
	first, hit := k.cut(s, n)
	if !hit {
		return false // fewer calls than the last time
	}
	res := s.run(k, supervise.Fault{At: m, Kill: true}, supervise.Options{}, "recover")
	if res.Hit == nil {
		return false
	}
	k.nested++
	may := mayBe(&first)
	if m%2 == 0 { // it recovers too, if it has to
		err = st.View(ctx, func(fs.FS) error {
			is, err := s.checkTree(may)
			if is == renewed {
				may = renewed // and not back any more
			}
			return err
		})
	}
	if err != nil {
		k.Fatalf("killed at call %v, then at call %v of the recovery: view: %v", first.Hit, res.Hit, err)
	}
	if _, err := txn.Recover(ctx, s.root(), nil); err != nil {
		k.Fatalf("killed at call %v, then at call %v of the recovery: recover: %v", first.Hit, res.Hit, err)
	}
	k.check(s, may, &first, res.Hit, &supervise.Result{})
	return true
}

// mayBe says what the tree may be after a command that was cut.
func mayBe(cut *supervise.Result) verdict {
	if strings.Contains(string(cut.Stdout), "committed") {
		return renewed
	}
	return either
}

// check checks a stand that was recovered after the command, and perhaps a recovery before, was cut.
func (k *killer) check(s *stand, may verdict, cut *supervise.Result, again *supervise.Call, recovery *supervise.Result) {
	is, err := s.checkTree(may)
	if err == nil {
		err = s.checkRest(k, is)
	}
	if err != nil || recovery.ExitCode != exitOK {
		k.Fatalf("killed at call %v, then at call %v of the recovery: recover: exit code %d, %v\n%s%s",
			cut.Hit, again, recovery.ExitCode, err, recovery.Stdout, recovery.Stderr)
	}
	if is == old {
		k.old++
	} else {
		k.renewed++
	}
}
