package txcommit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/internal/supervise"
	"github.com/txcommit/txcommit/txn"
)

const money = 1000

var accounts = [2]string{"here/balance", "there/balance"}

func init() {
	jobs["transfer"] = transferOnce
	jobs["audit"] = func(st *txn.Store, _ *rand.Rand, _ string) error {
		_, err := audit(st)
		return err
	}
}

// audit reads both accounts in one view, and reports a sum that no transaction has made.
func audit(st *txn.Store) (balances [2]string, err error) {
	sum := 0
	err = st.View(ctx, func(fsys fs.FS) (err error) {
		for i, a := range accounts {
			if balances[i], err = readFS(fsys, a); err != nil {
				return err
			}
			n, err := strconv.Atoi(balances[i])
			if err != nil {
				return err
			}
			sum += n
		}
		return nil
	})
	if err == nil && sum != money {
		err = fmt.Errorf("a view has seen %q, which is %d and not %d", balances, sum, money)
	}
	return balances, err
}

// transferOnce moves some money from one account to the other, by compare-and-swap of both.
func transferOnce(st *txn.Store, rng *rand.Rand, _ string) error {
	for {
		was, err := audit(st)
		if err != nil {
			return err
		}
		from, to := rng.IntN(2), 0
		if from == 0 {
			to = 1
		}
		a, _ := strconv.Atoi(was[from])
		b, _ := strconv.Atoi(was[to])
		n := 1 + rng.IntN(money/10)
		if a < n {
			continue
		}
		err = st.Update(ctx, func(tx *txn.Tx) error {
			return errors.Join(
				put(accounts[from], strconv.Itoa(a-n), ifContent(was[from]))(tx),
				put(accounts[to], strconv.Itoa(b+n), ifContent(was[to]))(tx),
			)
		})
		if !errors.Is(err, txn.ErrConflict) {
			return err
		}
	}
}

// dieSwapping swaps the accounts with the real binary, which is killed when it is about to do its n-th rename of one of
// them: at the first, the transaction is decided and the tree is old; at the second, one account is already new.
func dieSwapping(root string, n int) (killed bool, err error) {
	swap := fmt.Sprintf(`{"version": 1, "ops": [{"op": "rename", "from": %q, "to": %q, "replace": true},
		{"op": "rename", "from": %q, "to": %q, "replace": true}]}`, accounts[0], accounts[1], accounts[1], accounts[0])
	f := supervise.Fault{At: n, Kill: true, Match: func(c supervise.Call) bool {
		return c.Name == "renameat2" && strings.Contains(c.Path, "balance")
	}}
	res, err := supervise.Run(f, supervise.Options{Stdin: []byte(swap), Timeout: lockTimeout + grace}, binary, "apply", "-", "-C", root)
	if err == nil && res.Hit == nil {
		err = fmt.Errorf("rename %d was never reached: exit code %d, %s", n, res.ExitCode, res.Stderr)
	}
	return res.Hit != nil, err
}

// TestMoneyTransfer moves money between two files, in processes and goroutines, some of them killed at random and some
// exactly between the renames of the two files, while others look on. No view may ever see a wrong sum; and all must get
// on: the test ends when enough was transferred, viewed and killed.
func TestMoneyTransfer(t *testing.T) {
	needSupervisor(t)
	const transfers, views, deaths = 100 / fewer, 400 / fewer, 20 / fewer
	rng := newRand(t)
	root, st := seeded(t, map[string]string{accounts[0]: strconv.Itoa(money), accounts[1]: "0"})
	movers, auditors := hire(t, rng, root, "transfer", 3, 6), hire(t, rng, root, "audit", 2, 0)
	var moved, viewed, died atomic.Int64
	enough := func() bool {
		return moved.Load() >= 2 && movers.acks.Load() >= 2 && moved.Load()+movers.acks.Load() >= transfers &&
			viewed.Load() >= views/4 && auditors.acks.Load() >= views/4 && died.Load() >= deaths || t.Failed()
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	repeat := func(n int, count *atomic.Int64, f func(rng *rand.Rand) error) {
		for range n {
			own := rand.New(rand.NewPCG(rng.Uint64(), 0))
			wg.Go(func() {
				for !enough() {
					if err := f(own); err != nil {
						t.Error(err)
						return
					}
					count.Add(1)
				}
			})
		}
	}
	repeat(2, &moved, func(rng *rand.Rand) error { return transferOnce(st, rng, "") })
	repeat(3, &viewed, func(*rand.Rand) error { _, err := audit(st); return err })
	repeat(1, &died, func(rng *rand.Rand) error { _, err := dieSwapping(root, 1+rng.IntN(2)); return err })
	within(t, 4*lockTimeout, "enough transfers, views and deaths", wg.Wait)
	movers.dismiss()
	auditors.dismiss()
	t.Logf("in this process %d transfers and %d views; %d died while they swapped", moved.Load(), viewed.Load(), died.Load())
	if _, err := audit(st); err != nil {
		t.Errorf("at the end: %v", err)
	}
	atRest(t, root)
}
