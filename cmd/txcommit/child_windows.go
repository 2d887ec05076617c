package main

import (
	"context"

	"github.com/txcommit/txcommit/txn"
)

// run is missing here, where no store can be opened either.
func (*child) run(context.Context) (ended, error) { return ended{}, txn.ErrUnsupported }
