package main

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/txcommit/txcommit/txn/manifest"
)

// TestManifestInterrupted cancels while the manifest is being opened, which a FIFO without a writer never ends.
func TestManifestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	never := make(chan struct{})
	defer close(never)
	_, err := parseManifest(ctx, "fifo", func() (io.ReadCloser, error) {
		cancel()
		<-never
		return nil, errors.New("closed")
	}, func(manifest.Op) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("parseManifest: %v, want %v", err, context.Canceled)
	}
}
