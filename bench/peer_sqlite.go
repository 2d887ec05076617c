//go:build linux

package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver, SQLite itself without cgo
)

func sqliteSystem() *system {
	const call = "BEGIN; for each file: INSERT INTO files VALUES (path, blob) ON CONFLICT (path) DO UPDATE SET data = excluded.data; COMMIT; " +
		"journal_mode WAL, synchronous FULL, open already, all else as it comes"
	return &system{
		name:    "sqlite",
		files:   call,
		writers: call + "; one connection, for which they wait",
		lacks:   "nothing of atomic set, durable content, recovery; but there are no files that other programs can open",
		small:   true, // a blob has less than 1e9 bytes: SQLITE_MAX_LENGTH
		open:    openSQLite,
	}
}

type sqliteTarget struct {
	db  *sql.DB
	put *sql.Stmt
}

func openSQLite(ctx context.Context, _ *bench, root string) (target, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(root, "files.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	t := &sqliteTarget{db: db}
	if _, err = db.ExecContext(ctx, "CREATE TABLE files (path TEXT PRIMARY KEY, data BLOB)"); err == nil {
		t.put, err = db.PrepareContext(ctx, "INSERT INTO files VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return t, nil
}

func (t *sqliteTarget) publish(ctx context.Context, in *input) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after Commit
	put := tx.StmtContext(ctx, t.put)
	defer func() { _ = put.Close() }()
	err = in.each(ctx, func(name string, i int) error {
		_, err := put.ExecContext(ctx, filepath.Join(in.at, name), in.data[i])
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

func (t *sqliteTarget) get(name string) (io.ReadCloser, error) {
	var b []byte
	if err := t.db.QueryRow("SELECT data FROM files WHERE path = ?", name).Scan(&b); err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (t *sqliteTarget) close() error { return errors.Join(t.put.Close(), t.db.Close()) }
