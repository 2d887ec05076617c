// Command writers commits transactions from several goroutines of one process, so that some are committed by others:
//
//	writers root mark <plan
//
// The plan, in JSON, lists the writers; each is a list of versions, and a version is the content of files by path. After
// each commit a single write into the file mark, which exists, tells the number of the writer and that of the version,
// from 1 on; it makes nothing durable.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/txcommit/txcommit/txn"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: writers root mark <plan")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "writers:", err)
		os.Exit(1)
	}
}

type version map[string]string

func run(root, mark string, plan io.Reader) error {
	var writers [][]version
	if err := json.NewDecoder(plan).Decode(&writers); err != nil {
		return err
	}
	marks, err := os.OpenFile(mark, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer marks.Close()
	st, err := txn.Open(context.Background(), root, &txn.Options{AllowUnsafeFS: true})
	if err != nil {
		return err
	}
	errs := make([]error, len(writers))
	var wg sync.WaitGroup
	for i, versions := range writers {
		wg.Go(func() { errs[i] = write(st, i, versions, marks) })
	}
	wg.Wait()
	return errors.Join(append(errs, st.Close())...)
}

func write(st *txn.Store, writer int, versions []version, marks io.WriterAt) error {
	for v, files := range versions {
		if err := commit(st, files); err != nil {
			return fmt.Errorf("writer %d, version %d: %w", writer, v+1, err)
		}
		if _, err := marks.WriteAt(fmt.Appendf(nil, "%d %d", writer, v+1), 0); err != nil {
			return err
		}
	}
	return nil
}

func commit(st *txn.Store, files version) error {
	return st.Update(context.Background(), func(tx *txn.Tx) error {
		for path, content := range files {
			if err := tx.WriteFile(path, []byte(content), 0o600); err != nil {
				return err
			}
		}
		return nil
	})
}
