package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"github.com/txcommit/txcommit/txn"
)

// tarInput is the archive of --tar.
func (a *app) tarInput(ctx context.Context, flags *inputFlags) (input, error) {
	r, err := piped(ctx, a.opener(flags.tar))
	if err != nil {
		return input{}, err
	}
	return input{add: func(tx *txn.Tx) error {
		defer func() { _ = r.Close() }() // nothing was written
		plain, err := decompress(r)
		if err != nil {
			return err
		}
		defer func() { _ = plain.Close() }()
		return tx.ApplyTar(plain, txn.TarOptions{Prefix: flags.prefix, Strip: flags.strip})
	}}, nil
}

// decompress returns what r holds, which may be compressed: its first bytes tell.
func decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	start, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		return &compressed{z}, unreadable(err)
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, unreadable(err)
		}
		return &compressed{z.IOReadCloser()}, nil
	case bytes.HasPrefix(start, []byte("BZh")), bytes.HasPrefix(start, []byte("\xfd7zX")):
		return nil, badInputf("the archive is compressed by bzip2 or xz: decompress it first, and pipe it to --tar -")
	}
	return io.NopCloser(in), nil
}

// compressed is the content of a compressed archive. What is wrong with that is wrong with the input.
type compressed struct{ io.ReadCloser }

func (c *compressed) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	return n, unreadable(err)
}

// unreadable makes an error of decompression one of the input. The system's errors, and the end, stay what they are.
func unreadable(err error) error {
	_, system := errors.AsType[*fs.PathError](err)
	if err == nil || system || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("the archive cannot be decompressed: %w", &badInput{err})
}

// badInput is an error of the input, whatever the tree holds.
type badInput struct{ err error }

func badInputf(format string, args ...any) error { return &badInput{fmt.Errorf(format, args...)} }

func (b *badInput) Error() string   { return b.err.Error() }
func (b *badInput) Unwrap() []error { return []error{b.err, fs.ErrInvalid} }
