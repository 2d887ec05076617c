package txn

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// parallel runs f for 0 to n-1, as many at once as there are jobs, until one fails or ctx ends. A goroutine of its own
// for each would cost more than the small files that most are.
func parallel(ctx context.Context, jobs, n int, f func(i int) error) error {
	g, group := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(jobs, n) {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := group.Err(); err != nil {
					return err
				}
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
