package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// op wraps err as the engine does.
func op(err error) error { return &txn.Error{Op: 0, Path: "a", Err: fmt.Errorf("stage: %w", err)} }

// TestJudge checks the exit code and JSON result of each kind of error, wrapped and joined as the engine does, and that
// what leaves the tree unknown is never hidden.
func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		signal int
		code   int
		result string
	}{
		{"success", nil, 0, 0, ""},
		{"success in spite of a signal", nil, exitInterrupted, 0, ""},
		{"refused by the system", op(syscall.ENOSPC), 0, 1, "failed"},
		{"rolled back", at(atRollback, op(syscall.EPERM)), 0, 1, "rolled-back"},
		{"missing root", at(atRoot, fs.ErrNotExist), 0, 1, "failed"},
		{"conflict", op(txn.ErrConflict), 0, 3, "conflict"},
		{"conflict, rolled back", at(atRollback, op(txn.ErrConflict)), 0, 3, "conflict"},
		{"busy", at(atRoot, txn.ErrBusy), 0, 4, "busy"},
		{"incomplete", op(txn.ErrIncomplete), 0, 5, "incomplete"},
		{"incomplete hides a conflict", errors.Join(op(txn.ErrConflict), txn.ErrIncomplete), 0, 5, "incomplete"},
		{"incomplete hides a signal", errors.Join(context.Canceled, txn.ErrIncomplete), exitTerminated, 5, "incomplete"},
		{"incomplete hides a cleanup", at(atCleanup, txn.ErrIncomplete), 0, 5, "incomplete"},
		{"journal", at(atRoot, txn.ErrJournal), 0, 6, "corrupt"},
		{"cleanup", at(atCleanup, syscall.EIO), 0, 7, "committed"},
		{"cleanup cut by a signal", at(atCleanup, context.Canceled), exitInterrupted, 7, "committed"},
		{"usage", at(atUsage, errors.New("unknown flag")), 0, 64, "invalid"},
		{"manifest not found", at(atManifest, fs.ErrNotExist), 0, 65, "invalid"},
		{"manifest is a folder", at(atManifest, syscall.EISDIR), 0, 65, "invalid"},
		{"manifest cannot be opened", at(atManifest, syscall.EMFILE), 0, 1, "failed"},
		{"bad manifest", at(atManifest, &manifest.Error{Msg: "bad"}), 0, 65, "invalid"},
		{"bad op", op(fs.ErrInvalid), 0, 65, "invalid"},
		{"SIGINT", op(context.Canceled), exitInterrupted, 130, "interrupted"},
		{"SIGTERM", at(atRoot, context.Canceled), exitTerminated, 143, "interrupted"},
		{"a signal, but another error", op(syscall.EIO), exitTerminated, 1, "failed"},
		{"cancelled without a signal", context.Canceled, 0, 1, "failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, result := judge(tt.err, tt.signal)
			if code != tt.code || result != tt.result {
				t.Errorf("judge(%v, %d) = %d, %q, want %d, %q", tt.err, tt.signal, code, result, tt.code, tt.result)
			}
		})
	}
}

// TestAtKeepsTheFirstPlace checks that an outer place does not replace the exact one, and that no error stays none.
func TestAtKeepsTheFirstPlace(t *testing.T) {
	if err := at(atRoot, nil); err != nil {
		t.Errorf("at(atRoot, nil) = %#v, want nil", err)
	}
	err := at(atRoot, fmt.Errorf("recover: %w", at(atAbandon, fs.ErrNotExist)))
	if got := placeOf(err); got != atAbandon {
		t.Errorf("placeOf(%v) = %d, want %d", err, got, atAbandon)
	}
}
