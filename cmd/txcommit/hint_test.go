package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// TestAdvise checks kind and hint (by a word that it must have) of every error that the contract asks a hint for.
func TestAdvise(t *testing.T) {
	tests := []struct {
		name string
		err  error
		kind string
		word string // none: no hint
	}{
		{"EACCES", op(syscall.EACCES), "permission", "owner and mode"},
		{"EPERM", op(syscall.EPERM), "permission", "immutable"},
		{"EROFS", op(syscall.EROFS), "read-only", "remount"},
		{"ENOSPC", op(syscall.ENOSPC), "no-space", "inodes"},
		{"EDQUOT", op(syscall.EDQUOT), "no-space", "quota"},
		{"EXDEV", op(&os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EXDEV}), "cross-device", "mount"},
		{"EBUSY", op(syscall.EBUSY), "in-use", "unmount"},
		{"EISDIR", op(syscall.EISDIR), "is-directory", "folder has this name"},
		{"ENOTDIR", op(syscall.ENOTDIR), "not-directory", "file stands"},
		{"ENOTEMPTY is not EEXIST", op(syscall.ENOTEMPTY), "not-empty", "recursive"},
		{"ENOENT", op(&fs.PathError{Op: "open", Path: "a", Err: syscall.ENOENT}), "not-found", "missing"},
		{"EEXIST", op(syscall.EEXIST), "exists", "remove it first"},
		{"ELOOP", op(syscall.ELOOP), "link-loop", "--symlinks replace"},
		{"ENAMETOOLONG", op(syscall.ENAMETOOLONG), "name-too-long", "255"},
		{"EMFILE", op(syscall.EMFILE), "too-many-files", "ulimit -n"},
		{"ENFILE", op(syscall.ENFILE), "too-many-files", "fs.file-max"},
		{"EIO", op(syscall.EIO), "io", "dmesg"},
		{"escapes", op(txn.ErrEscapes), "escapes", "inside the root"},
		{"unsupported", at(atRoot, txn.ErrUnsupported), "unsupported", "--allow-unsafe-fs"},
		{"conflict", op(txn.ErrConflict), "conflict", "prepare the change again"},
		{"busy", at(atRoot, txn.ErrBusy), "busy", "--lock-timeout"},
		{"incomplete", txn.ErrIncomplete, "incomplete", "txcommit recover"},
		{"incomplete for a full disk", errors.Join(txn.ErrIncomplete, syscall.ENOSPC), "incomplete", "recover"},
		{"torn", at(atStore, errors.Join(txn.ErrIncomplete, txn.ErrTorn)), "torn", "written again"},
		{"missing part of the store", at(atStore, fs.ErrNotExist), "not-found", ".txcommit"},
		{"something in the place of a part", at(atStore, errors.Join(txn.ErrJournal, fs.ErrExist)), "journal", "out of the way"},
		{"journal", at(atRoot, txn.ErrJournal), "journal", "--rebuild"},
		{"cleanup", at(atCleanup, syscall.EIO), "cleanup", "next run"},
		{"rolled back for its cause", at(atRollback, op(syscall.ENOSPC)), "no-space", "free space"},
		{"missing manifest", at(atManifest, fs.ErrNotExist), "not-found", "name of the file"},
		{"manifest is a folder", at(atManifest, syscall.EISDIR), "is-directory", "standard input"},
		{"missing root", at(atRoot, fs.ErrNotExist), "not-found", "--root"},
		{"root is a file", at(atRoot, syscall.ENOTDIR), "not-directory", "--root"},
		{"unknown id", at(atAbandon, fs.ErrNotExist), "not-found", "status"},
		{"missing SRC", at(atSync, op(syscall.ENOENT)), "not-found", "SRC"},
		{"SRC is a file", at(atSync, op(syscall.ENOTDIR)), "not-directory", "folder as SRC"},
		{"folder in the way of sync", at(atSync, op(syscall.EISDIR)), "is-directory", "--prune"},
		{"CMD is not in $PATH", startError("a", &exec.Error{Name: "a", Err: exec.ErrNotFound}), "not-found", "./CMD"},
		{"missing CMD", startError("./a", &fs.PathError{Op: "fork/exec", Path: "./a", Err: syscall.ENOENT}), "not-found", "interpreter"},
		{"CMD that cannot be executed", startError("./a", syscall.EACCES), "permission", "chmod +x"},
		{"CMD is a folder", startError("/", &exec.Error{Name: "/", Err: syscall.EISDIR}), "is-directory", "execute"},
		{"interrupted", context.Canceled, "interrupted", ""},
		{"bad op", op(fs.ErrInvalid), "invalid", ""},
		{"anything else", errors.New("strange"), "failed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := advise(tt.err)
			if got.kind != tt.kind || !strings.Contains(got.hint, tt.word) || tt.word == "" && got.hint != "" {
				t.Errorf("advise(%v) = %q, %q, want %q and a hint with %q", tt.err, got.kind, got.hint, tt.kind, tt.word)
			}
		})
	}
}

// TestHintsAreSentences keeps the hints in one style: one line, lower case, no full stop.
func TestHintsAreSentences(t *testing.T) {
	for _, a := range advices {
		if strings.ContainsAny(a.hint, "\n") || strings.HasSuffix(a.hint, ".") {
			t.Errorf("hint %q: want one line without a full stop", a.hint)
		}
		if a.hint != "" && a.hint[0] >= 'A' && a.hint[0] <= 'Z' {
			t.Errorf("hint %q: want lower case", a.hint)
		}
	}
}
