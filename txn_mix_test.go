//go:build unix

package txcommit_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// A set of the mix is a number of files that hold the token of the transaction that wrote them last, one file that each
// transaction renames from p to q or back, and a folder that is there or not. Its token ends in the name of the former
// and in whether the latter is there, so that a set tells by itself whether it is of one transaction.
const mixSets = 5

// mixFiles are the files of set s that hold its token; some are in folders that all sets share.
func mixFiles(s int) []string {
	return []string{
		fmt.Sprintf("set%d/a", s), fmt.Sprintf("set%d/b", s), fmt.Sprintf("shared/%d", s),
		fmt.Sprintf("shared/deep/%d", s), fmt.Sprintf("set%d/new%d/leaf", s, s),
	}
}

func mixSeed() map[string]string {
	files := map[string]string{"counter": "0"}
	for s := range mixSets {
		for _, f := range mixFiles(s) {
			files[f] = "seed p none"
		}
		files[fmt.Sprintf("set%d/p", s)] = strconv.Itoa(s)
	}
	return files
}

// mixOnce commits one transaction on a random set and moves the counter on. What it read may be gone when it commits:
// then it tries again.
func mixOnce(st *txn.Store, rng *rand.Rand, token string) error {
	for {
		err := mixTry(st, rng, token)
		if !errors.Is(err, txn.ErrConflict) {
			return err
		}
	}
}

func mixTry(st *txn.Store, rng *rand.Rand, token string) error {
	s := rng.IntN(mixSets)
	var counter, old string
	if err := st.View(ctx, func(fsys fs.FS) (err error) {
		if old, err = mixCheck(fsys, s); err == nil {
			counter, err = readFS(fsys, "counter")
		}
		return err
	}); err != nil {
		return fmt.Errorf("view of set %d: %w", s, err)
	}
	n, err := strconv.Atoi(counter)
	if err != nil {
		return err
	}
	return st.Update(ctx, func(tx *txn.Tx) error {
		return errors.Join(
			tx.WriteFile("counter", []byte(strconv.Itoa(n+1)), 0o644, txn.IfSHA256(sha256.Sum256([]byte(counter)))),
			mixOps(tx, s, old, token),
		)
	})
}

// mixOps changes all of set s, whose token is old.
func mixOps(tx *txn.Tx, s int, old, token string) error {
	_, shape, _ := strings.Cut(old, " ")
	at, folder, _ := strings.Cut(shape, " ")
	to := map[string]string{"p": "q", "q": "p"}[at]
	var errs []error
	if folder == "none" {
		folder = "full"
		errs = append(errs, tx.Mkdir(fmt.Sprintf("set%d/extra/sub", s), 0o755))
	} else {
		folder = "none"
		errs = append(errs, tx.RemoveAll(fmt.Sprintf("set%d/extra", s)))
	}
	errs = append(errs, tx.Rename(fmt.Sprintf("set%d/%s", s, at), fmt.Sprintf("set%d/%s", s, to)))
	token = strings.Join([]string{token, to, folder}, " ")
	for _, f := range mixFiles(s) {
		errs = append(errs, tx.WriteFile(f, []byte(token), 0o644))
	}
	return errors.Join(errs...)
}

// mixCheck checks that set s is of one transaction, and returns its token.
func mixCheck(fsys fs.FS, s int) (token string, err error) {
	for i, f := range mixFiles(s) {
		got, err := readFS(fsys, f)
		if err != nil {
			return "", err
		}
		if i == 0 {
			token = got
		}
		if got != token {
			return "", fmt.Errorf("torn: %s is of transaction %q, the first file of its set of %q", f, got, token)
		}
	}
	want := strings.Fields(token)
	for _, name := range []string{"p", "q"} {
		_, err := fs.Stat(fsys, fmt.Sprintf("set%d/%s", s, name))
		if there := err == nil; there != (want[1] == name) {
			return "", fmt.Errorf("torn: set %d, token %q: %s: %v", s, token, name, err)
		}
	}
	_, err = fs.Stat(fsys, fmt.Sprintf("set%d/extra/sub", s))
	if there := err == nil; there != (want[2] == "full") {
		return "", fmt.Errorf("torn: set %d, token %q: folder: %v", s, token, err)
	}
	return token, nil
}

func readFS(fsys fs.FS, name string) (string, error) {
	b, err := fs.ReadFile(fsys, name)
	return string(b), err
}

// TestMixedCommits lets eight processes, some of them killed and replaced, and eight goroutines commit to overlapping
// sets of paths. Each transaction also moves a counter on by compare-and-swap, so that a lost update or a doubled one
// shows in the count, and half a transaction in a set that is not of one token.
func TestMixedCommits(t *testing.T) {
	const processes, goroutines, kills = 8, 8, 20 / fewer
	target := int64(150 / fewer)
	rng := newRand(t)
	root, st := seeded(t, mixSeed())
	c := hire(t, rng, root, "mix", processes, kills)

	var mine atomic.Int64
	var wg sync.WaitGroup
	defer wg.Wait()
	for g := range goroutines {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		wg.Go(func() {
			for n := 0; !c.stopped() && !t.Failed(); n++ {
				if err := mixOnce(st, own, fmt.Sprintf("g%d-%d", g, n)); err != nil {
					t.Errorf("goroutine %d: %v", g, err)
					return
				}
				mine.Add(1)
			}
		})
	}
	eventually(t, "enough commits", func() bool { return mine.Load()+c.acks.Load() >= target || t.Failed() })
	c.dismiss()
	within(t, lockTimeout+grace, "the goroutines' last commits", wg.Wait)
	atRest(t, root)

	acked := int(mine.Load() + c.acks.Load())
	n, err := strconv.Atoi(read(t, root, "counter"))
	if err != nil || n < acked || n > acked+c.kills {
		t.Errorf("counter = %d (%v), want %d acknowledged commits and at most %d of killed processes more", n, err, acked, c.kills)
	}
	t.Logf("counter %d, acknowledged %d, by goroutines %d", n, acked, mine.Load())
	for s := range mixSets {
		if _, err := mixCheck(os.DirFS(root), s); err != nil {
			t.Error(err)
		}
	}
}
